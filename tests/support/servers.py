"""Servers that are asked without a socket, and servers in a process of their own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from yolo_tl.inspection.rules import Rule, Rules
from yolo_tl.serving.app import build_app
from yolo_tl.serving.service import Service

KEY = "secret-of-the-test"
AUTHORISED = {"Authorization": f"Bearer {KEY}"}
IMAGE = {"Content-Type": "image/png"}
NONE_ALLOWED = Rules(rules=(Rule(name="nothing", max=0),))


class Client:
    """Asks an application without a socket, one request after the other."""

    def __init__(self, service: Service) -> None:
        self.service, self.app = service, build_app(service)

    def open(self) -> httpx.AsyncClient:
        """For several requests at once."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://server")

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, content: Any = b"", **options: Any) -> httpx.Response:
        return self.request("POST", path, content=content, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with self.open() as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())


class Process:
    """A server in a process of its own.

    Attributes:
        url: where it listens.
        said: what it said of itself.
    """

    def __init__(self, bundle: Path, *arguments: str, code: str = "", env: dict[str, str] | None = None) -> None:
        start = f"{code}\nfrom yolo_tl.cli.serve import command\ncommand()"
        self.popen = subprocess.Popen(
            [sys.executable, "-c", start, str(bundle), "--port", "0", "--json", "--threads", "1", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        assert line, self.popen.communicate()[1]
        self.said = json.loads(line)
        self.url = self.said["url"]
        self.port = int(self.url.rpartition(":")[2])

    def end(self, patience: float = 60) -> tuple[int, str]:
        """Its exit code and what it wrote on stderr, once it has ended."""
        _, errors = self.popen.communicate(timeout=patience)
        return self.popen.returncode, errors
