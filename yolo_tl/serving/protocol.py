"""Connections that cannot be held for nothing."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from yolo_tl.serving.limits import Limits


def limited(limits: Limits) -> type[H11Protocol]:
    """A protocol for uvicorn, which has no limit on the time of a request's head, of the rest of a body after its
    answer, or of a client that takes no answer, and none on connections that say nothing.
    """

    class LimitedProtocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            if len(self.connections) >= limits.connections:
                transport.write(_answer("503 Service Unavailable", "too many connections", "Retry-After: 1\r\n"))
                transport.close()
                return
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            if self.transport is None:  # refused above
                return
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._deadline, self._unread):
                if timer is not None:
                    timer.cancel()
            if self.transport is not None:
                super().connection_lost(exc)

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()
            if self.transport.get_write_buffer_size():  # the client takes nothing
                self.transport.abort()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread = self.loop.call_later(limits.silence, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._unread is not None:
                self._unread.cancel()
                self._unread = None

        def _answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _watch(self) -> None:
            """While bytes come and no request is being answered, time runs."""
            if self._answering() or self.transport.is_closing():
                if self._deadline is not None:
                    self._deadline.cancel()
                    self._deadline = None
            elif self._deadline is None:
                self._deadline = self.loop.call_later(limits.head, self._give_up)

        def _give_up(self) -> None:
            self._deadline = None
            if self._answering() or self.transport.is_closing():
                return
            if self.conn.our_state is h11.IDLE:
                self.transport.write(_answer("408 Request Timeout", "expected a whole request head sooner"))
            self.transport.close()

    return LimitedProtocol


def _answer(status: str, error: str, headers: str = "") -> bytes:
    body = f'{{"error":"{error}","hint":""}}'
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{headers}Connection: close\r\n\r\n{body}".encode()
