"""What surrounds every request: key, counters, headers, and an answer whatever happens."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

import msgspec
from starlette.responses import Response

from yolo_tl.serving.metrics import Metrics
from yolo_tl.serving.refusal import Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Nothing is loaded from elsewhere; the page shows pictures that it has made itself.
_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_DISCARDED = 2.0  # seconds for which the rest of a refused body is read, so that the refusal arrives

_log = logging.getLogger(__name__)


class Gate:
    """An ASGI application around the one with the paths.

    Args:
        app: the one with the paths.
        paths: those it has; others are counted as one.
        api_key: what is asked for on the paths that answer or tell; None asks for nothing.
        metrics: what is counted.
    """

    def __init__(self, app: Application, *, paths: Collection[str], api_key: str | None, metrics: Metrics) -> None:
        self.app, self._paths, self._metrics = app, frozenset(paths), metrics
        self._key = None if api_key is None else api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else "other"
        began = time.monotonic()
        exchange = _Exchange(scope, receive, send)
        with self._metrics.in_flight.track_inprogress():
            try:
                if self._lets_in(scope):
                    await self.app(scope, exchange.receive, exchange.send)
                else:
                    await refused(_unknown_key(), self._metrics)(scope, exchange.receive, exchange.send)
            except Exception:
                # The server's log gets the traceback, the client a sentence.
                _log.exception("%s %s failed", scope["method"], scope["path"])
                if not exchange.status:
                    await refused(failed(), self._metrics)(scope, exchange.receive, exchange.send)
        self._metrics.requests.labels(path, str(exchange.status)).inc()
        self._metrics.duration.labels(path).observe(time.monotonic() - began)

    def _lets_in(self, scope: Scope) -> bool:
        if self._key is None or not (scope["path"].startswith("/v1/") or scope["path"] == "/metrics"):
            return True
        headers = dict(scope["headers"])
        scheme, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        said = bearer.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        return hmac.compare_digest(said, self._key)


class _Exchange:
    """The two ends of a request, watched."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.status = 0
        headers = dict(scope["headers"])
        self._unread = b"content-length" in headers or b"transfer-encoding" in headers
        closes = headers.get(b"connection", b"").lower() == b"close" or scope.get("http_version") == "1.0"
        self._discards = closes and b"expect" not in headers

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._unread = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._unread and self._discards:
                # Closed over bytes that nobody read, a connection is reset, and the answer in it lost.
                await self._discard()
            self.status = message["status"]
            message["headers"] = [*message.get("headers", []), *_HEADERS]
        await self._send(message)

    async def _discard(self) -> None:
        until = time.monotonic() + _DISCARDED
        while self._unread and (left := until - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self.receive(), left)
            except asyncio.TimeoutError:
                return


def refused(refusal: Refusal, metrics: Metrics) -> Response:
    """A refusal as a response, counted."""
    metrics.rejected.labels(refusal.reason).inc()
    return Response(
        msgspec.json.encode({"error": refusal.message, "hint": refusal.hint}),
        status_code=refusal.status,
        headers=refusal.headers,
        media_type="application/json",
    )


def failed() -> Refusal:
    """Something that nobody expected."""
    return Refusal(500, "the server failed on this request", hint="the server's log says why", reason="failed")


def _unknown_key() -> Refusal:
    return Refusal(
        401,
        "expected the API key of this server",
        hint="send it as Authorization: Bearer KEY, or X-API-Key: KEY",
        reason="key",
        headers={"WWW-Authenticate": "Bearer"},
    )
