"""The process: a socket, signals, and an end that finishes what was accepted."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from yolo_tl.errors import RuntimeFailure
from yolo_tl.serving.app import build_app
from yolo_tl.serving.memory import release
from yolo_tl.serving.protocol import limited
from yolo_tl.serving.service import Service

_TICKS = 100  # of 0.1 s, between two times that freed memory is given back
_HEAD = 16 << 10  # bytes of a request line with its headers


@dataclass(frozen=True)
class Listening:
    """A server that has begun to listen.

    Attributes:
        url: where.
        model: SHA-256 of what answers.
        rules: SHA-256 of the rules.
        open: it listens to other machines, and asks for no key.
    """

    url: str
    model: str
    rules: str | None
    open: bool


def run_server(service: Service, *, host: str, port: int, started: Callable[[Listening], None]) -> None:
    """Answer until SIGTERM or SIGINT comes; a second SIGINT does not wait for what was accepted.

    Args:
        service: what answers.
        host: address to listen on.
        port: 0 for any that is free.
        started: called once the server listens.

    Raises:
        RuntimeFailure: the address is taken, or none of this machine.
    """
    limits = service.limits
    listener = _bind(host, port)
    config = uvicorn.Config(
        build_app(service),
        loop="asyncio",
        http=limited(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=_HEAD,
        timeout_graceful_shutdown=int(limits.timeout + limits.silence) + 1,
    )
    bound, reached = listener.getsockname()[1], f"[{host}]" if ":" in host else host
    listening = Listening(
        url=f"http://{reached}:{bound}",
        model=service.shelf.current.sha256,
        rules=None if service.judging is None else service.judging.sha256,
        open=service.api_key is None and not _local(host),
    )
    with listener:
        asyncio.run(_Server(config, service, lambda: started(listening)).serve([listener]))


class _Server(uvicorn.Server):
    """Says that it is not ready before it stops accepting, and ends without the signal that ended it."""

    def __init__(self, config: uvicorn.Config, service: Service, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._started = service, started
        self._accepts_until: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    async def on_tick(self, counter: int) -> bool:
        if self._accepts_until is not None and time.monotonic() >= self._accepts_until:
            self.should_exit = True
        if counter % _TICKS == _TICKS - 1:
            await asyncio.to_thread(release)
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._accepts_until is None:
            self._service.readiness.draining = True
            self._accepts_until = time.monotonic() + self._service.limits.drain
            logging.getLogger(__name__).info("shutting down")
        else:
            super().handle_exit(sig, frame)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RuntimeFailure(
            f"{host}:{port}: cannot listen there: {reason}", hint="choose another --host or --port"
        ) from error


def _local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
