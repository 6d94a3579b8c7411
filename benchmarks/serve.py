"""The server at saturation, with clients that are slow or broken, and a model that changes every minute.

    python benchmarks/serve.py BUNDLE IMAGES [--minutes 10] [--clients 32]

The server runs in a process of its own, on loopback; half of the clients behave and never stop asking, the others send
what nobody should (see ``serve_clients.py``). A second bundle is made of the first, with another threshold, so that
their answers differ: each answer has to be that of the model it names. The table goes to stdout, to ``serve.md`` and,
as figures, to ``serve.json`` beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from serve_clients import KEY, Known, Tally, Target, behaving, troubling

from yolo_tl.edge import Detector, read_image
from yolo_tl.edge.artifact import open_artifact
from yolo_tl.edge.golden import write_golden
from yolo_tl.edge.manifest import files_of
from yolo_tl.edge.network import RunOptions
from yolo_tl.files import sha256, write_json, write_text

GROWTH = 0.05  # of memory, after the first minute
IMAGES = 8


def variant(bundle: Path, folder: Path, images: Sequence[Path], confidence: float) -> None:
    """A copy of a bundle with another threshold and the golden set that goes with it."""
    shutil.copytree(bundle, folder)
    artifact = open_artifact(folder, RunOptions(threads=1))
    shutil.rmtree(folder / "golden")
    write_golden(folder, images, artifact.pipeline, thresholds=replace(artifact.thresholds, confidence=confidence))
    content = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    content["thresholds"]["confidence"] = confidence
    content["files"] = {name: sha256(folder / name) for name in files_of(folder)}
    write_json(folder / "manifest.json", content)


def known_answers(bundles: Sequence[Path], images: Sequence[Path]) -> Known:
    """What each model finds in each image, asked without a server."""
    known: Known = {}
    for bundle in bundles:
        detector = Detector(bundle, threads=1)
        for number, path in enumerate(images):
            rows = detector(read_image(path)).to_rows(detector.names)
            known[detector.sha256, number] = json.loads(json.dumps(rows))
    return known


class Server:
    """The server's process."""

    def __init__(self, bundle: Path, models: Path, *, queue: int) -> None:
        command = ["--port", "0", "--json", "--threads", "1", "--models", str(models), "--queue", str(queue)]
        start = "from yolo_tl.cli.serve import command; command()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, str(bundle), *command],
            stdout=subprocess.PIPE,
            env={**os.environ, "YOLO_TL_API_KEY": KEY},
            text=True,
        )
        assert self.process.stdout is not None
        self.url: str = json.loads(self.process.stdout.readline())["url"]

    def ask(self, path: str, content: Any = None) -> Any:
        """An answer as text."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers), timeout=60) as answer:
            return answer.read().decode()

    @property
    def resident(self) -> float:
        """MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    @property
    def cpu(self) -> float:
        """Processor time so far, s."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def files(self) -> int:
        """Open descriptors."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


class Watch:
    """What the server's process takes, second by second, and the exchanges of its model."""

    def __init__(self, server: Server, ends: float, every: float) -> None:
        self._server, self._ends, self._every = server, ends, every
        self.resident: list[tuple[float, float]] = []
        self.exchanges = 0
        self.unready = 0
        self.failed: list[str] = []

    async def sample(self) -> None:
        """Memory, and whether it says that it is ready."""
        began = time.monotonic()
        while time.monotonic() < self._ends and self._server.process.poll() is None:
            self.resident.append((time.monotonic() - began, self._server.resident))
            try:
                await asyncio.to_thread(self._server.ask, "/readyz")
            except (OSError, urllib.error.URLError):
                self.unready += 1
            await asyncio.sleep(1)

    async def exchange(self) -> None:
        """Another model every so often; each third time by going back."""
        while (left := self._ends - time.monotonic()) > self._every / 2:
            await asyncio.sleep(min(self._every, left))
            name = "b" if self.exchanges % 2 == 0 else "a"
            rollback = self.exchanges % 3 == 2
            try:
                if rollback:
                    await asyncio.to_thread(self._server.ask, "/v1/model/rollback", {})
                else:
                    await asyncio.to_thread(self._server.ask, "/v1/model", {"path": name})
                self.exchanges += 1
            except (OSError, urllib.error.URLError) as error:
                self.failed.append(repr(error))

    def memory(self, start: float, end: float) -> tuple[float, float]:
        """Median MB between two times in s, and the lowest: what is left when least is being sent."""
        values = [value for at, value in self.resident if start <= at <= end]
        return median(values), min(values)


async def saturate(target: Target, watch: Watch, clients: int) -> Tally:
    """All clients at once, until the end."""
    tally = Tally()
    tasks = [
        (behaving if number % 2 == 0 else troubling)(target, tally, random.Random(number)) for number in range(clients)
    ]
    await asyncio.gather(watch.sample(), watch.exchange(), *tasks)
    return tally


def measure(bundle: Path, images: Sequence[Path], *, minutes: float, clients: int, queue: int) -> dict[str, Any]:
    """Everything from the start of the server to its end."""
    with tempfile.TemporaryDirectory() as scratch:
        models = Path(scratch)
        variant(bundle, models / "a", images, 0.25)
        variant(bundle, models / "b", images, 0.6)
        known = known_answers([models / "a", models / "b"], images)
        server = Server(models / "a", models, queue=queue)
        try:
            contents = [path.read_bytes() for path in images]
            seconds = minutes * 60
            ends = time.monotonic() + seconds
            target = Target(int(server.url.rpartition(":")[2]), contents, known, ends)
            watch = Watch(server, ends, min(60.0, seconds / 4))
            tally = asyncio.run(saturate(target, watch, clients))
            alive = server.process.poll() is None
            figures = _figures(tally, watch, server, seconds) if alive else {"alive": False}
            server.process.send_signal(signal.SIGTERM)
            figures["exit"] = server.process.wait(timeout=90)
        finally:
            server.process.kill()
            server.process.communicate()
    return {
        "minutes": minutes,
        "clients": clients,
        "queue": queue,
        "images": len(images),
        "bundle": bundle.name,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "load": round(os.getloadavg()[2], 1),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("fastapi", "uvicorn", "onnxruntime", "numpy")},
        },
        **figures,
    }


def _figures(tally: Tally, watch: Watch, server: Server, seconds: float) -> dict[str, Any]:
    minute = min(60.0, seconds / 3)
    by_minute = [watch.memory(minute * i, minute * (i + 1)) for i in range(max(round(seconds / minute), 3))]
    (first, first_floor), (last, last_floor) = by_minute[1], by_minute[-1]
    took = np.array([duration for _, duration in tally.latencies]) * 1e3
    p50, p95, p99 = np.percentile(took, [50, 95, 99]).tolist()
    ends: dict[str, dict[str, int]] = {}
    for (name, end), count in sorted(tally.bad.items()):
        ends.setdefault(name, {})[end] = count
    return {
        "alive": True,
        "answered": tally.good["200"],
        "refused": {status: tally.good[status] for status in ("429", "503")},
        "lost": tally.lost,
        "failures": tally.failures,
        "wrong": tally.wrong,
        "by_model": dict(tally.models),
        "exchanges": watch.exchanges,
        "exchanges_failed": watch.failed,
        "unready": watch.unready,
        "latency_ms": {"p50": p50, "p95": p95, "p99": p99, "max": float(took.max())},
        "per_second": tally.good["200"] / seconds,
        "cpu_ms_per_answer": server.cpu / tally.good["200"] * 1e3,
        "memory_mb": {
            "by_minute": by_minute,
            "peak": max(value for _, value in watch.resident),
        },
        "growth": last / first - 1,
        "growth_of_lowest": last_floor / first_floor - 1,
        "descriptors": server.files,
        "broken": ends,
    }


def page(found: dict[str, Any], command: str) -> str:
    """The table."""
    versions = ", ".join(f"{name} {text}" for name, text in found["versions"].items())
    lines = [
        "# The server at saturation",
        "",
        f"`{command}`: {found['minutes']:g} minutes on loopback, {found['clients']} clients, half of them slow or "
        f"broken, a queue of {found['queue']}; {found['cores']} cores that client, server and other work share (load "
        f"{found['load']}), {found['machine']}, {versions}.",
        "",
        "| | found | wanted |",
        "|---|---:|---:|",
    ]
    if not found["alive"]:
        return "\n".join([*lines, "| the server | ended | alive |", ""])
    latency, memory = found["latency_ms"], found["memory_mb"]
    rows = [
        ("well-formed requests that were answered", f"{found['answered']:,}", ""),
        ("told to ask again later (429, 503)", f"{sum(found['refused'].values()):,}", ""),
        ("lost", found["lost"], "0"),
        ("answered by another model than they name", found["wrong"], "0"),
        ("failures of the server (500)", found["failures"], "0"),
        ("exchanges of the model", found["exchanges"], f"{found['minutes']:g}, one a minute"),
        ("exchanges that failed", len(found["exchanges_failed"]), "0"),
        ("times not ready", found["unready"], "0"),
        ("exit code after SIGTERM", found["exit"], "0"),
        ("answers a second", f"{found['per_second']:.1f}", ""),
        ("latency p50, ms", f"{latency['p50']:.0f}", ""),
        ("latency p95, ms", f"{latency['p95']:.0f}", ""),
        ("latency p99, ms", f"{latency['p99']:.0f}", "reported"),
        ("longest, ms", f"{latency['max']:.0f}", ""),
        ("processor time for an answer, ms", f"{found['cpu_ms_per_answer']:.1f}", ""),
        ("memory by minute, median, MB", " ".join(f"{middle:.0f}" for middle, _ in memory["by_minute"]), ""),
        ("memory by minute, lowest, MB", " ".join(f"{lowest:.0f}" for _, lowest in memory["by_minute"]), ""),
        ("growth of the median after the first minute", f"{found['growth']:+.1%}", f"at most {GROWTH:.0%}"),
        ("growth of the lowest", f"{found['growth_of_lowest']:+.1%}", ""),
        ("memory at its peak, MB", f"{memory['peak']:.0f}", ""),
        ("open descriptors at the end", found["descriptors"], ""),
    ]
    lines += [f"| {name} | {value} | {wanted} |" for name, value, wanted in rows]
    lines += ["", "## What the others sent, and how it ended", "", "| sent | ended |", "|---|---|"]
    for name, ends in found["broken"].items():
        lines.append(f"| {name} | {', '.join(f'{end}: {count}' for end, count in ends.items())} |")
    lines += [
        "",
        "A batch of three images counts as one request. The processor time includes what the broken requests took, and "
        "the start. Bodies of up to 32 MB that are being sent count as memory. `left` is a client that did not wait, "
        "the errors are what a client sees whose connection is cut.",
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("images", type=Path, help="a folder of JPEG files")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--queue", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    asked = parser.parse_args(arguments)
    images = sorted(asked.images.glob("*.jpg"))[:IMAGES]
    found = measure(asked.bundle, images, minutes=asked.minutes, clients=asked.clients, queue=asked.queue)
    write_json(asked.out / "serve.json", found)
    text = page(found, f"python benchmarks/serve.py BUNDLE IMAGES --minutes {asked.minutes:g}")
    write_text(asked.out / "serve.md", text)
    print(text)


if __name__ == "__main__":
    main()
