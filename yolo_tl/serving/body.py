"""Bodies of requests: read within limits, never trusted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

import msgspec
from starlette.requests import Request

from yolo_tl.serving import refusal
from yolo_tl.serving.limits import Limits
from yolo_tl.serving.refusal import Refusal

_DIGITS = 18
_CLOSE = {"Connection": "close"}


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    """Several images in one request."""

    images: list[bytes]
    """Each as base64."""


class Exchange(msgspec.Struct, forbid_unknown_fields=True):
    """Which model is to answer."""

    path: str


class Bodies:
    """What of all bodies is in memory.

    Args:
        limits: see there.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.held = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, which counts as held until the block ends.

        Raises:
            Refusal: 408 too slow, 413 too large, 415 compressed, 429 too much altogether, 499 the client has left.
        """
        _require_plain(request)
        self._require_small(request.headers.get("content-length", ""))
        whole = BytesIO()  # and no list of chunks: of one byte each, they would take forty times as much
        size = 0
        until = time.monotonic() + self._limits.upload
        try:
            while True:
                chunk, more = await self._next(request, until)
                size += len(chunk)
                self.held += len(chunk)
                if size > self._limits.body:
                    raise self._too_large(f"more than {self._limits.body}")
                if self.held > self._limits.memory:
                    raise refusal.later(429, "too much is being sent to this server at once", reason="memory")
                whole.write(chunk)
                if not more:
                    break
            yield whole.getvalue()
        finally:
            self.held -= size

    async def _next(self, request: Request, until: float) -> tuple[bytes, bool]:
        left = min(self._limits.silence, until - time.monotonic())
        try:
            message = await asyncio.wait_for(request.receive(), max(left, 0.001))
        except asyncio.TimeoutError as error:
            raise Refusal(
                408,
                "expected the rest of the body sooner",
                hint=f"no byte for {self._limits.silence:g} s, or not whole after {self._limits.upload:g} s",
                reason="slow body",
                headers=_CLOSE,
            ) from error
        if message["type"] == "http.disconnect":
            raise refusal.gone()
        return message.get("body", b""), message.get("more_body", False)

    def _require_small(self, declared: str) -> None:
        if declared and (len(declared) > _DIGITS or int(declared) > self._limits.body):  # h11 lets only digits through
            raise self._too_large(declared[:_DIGITS])

    def _too_large(self, found: str) -> Refusal:
        return Refusal(
            413,
            f"expected a body of at most {self._limits.body} bytes, found {found}",
            hint="make the image smaller, or send fewer at once",
            reason="body",
        )


def parse_batch(content: bytes, most: int) -> list[bytes]:
    """The images of ``{"images": ["<base64>", ...]}``.

    Raises:
        Refusal: 413 too many, 422 something else.
    """
    try:
        images = msgspec.json.decode(content, type=Batch).images
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise Refusal(
            422, f'expected {{"images": ["<base64>", ...]}}: {error}', hint="see /openapi.json", reason="request"
        ) from error
    if not images:
        raise Refusal(422, "expected images, found an empty list", reason="request")
    if len(images) > most:
        raise Refusal(
            413, f"expected at most {most} images, found {len(images)}", hint="send fewer at once", reason="batch"
        )
    return images


def parse_exchange(content: bytes) -> str:
    """The path of ``{"path": "..."}``.

    Raises:
        Refusal: 422 something else.
    """
    try:
        return msgspec.json.decode(content, type=Exchange).path
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise Refusal(422, f'expected {{"path": "..."}}: {error}', reason="request") from error


def is_batch(request: Request) -> bool:
    """Whether a body holds several images as JSON, or is one image.

    Raises:
        Refusal: 415 neither.
    """
    kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    if kind == "application/json":
        return True
    if kind.startswith("image/") or kind == "application/octet-stream":
        return False
    raise Refusal(
        415,
        f"expected image/*, application/octet-stream or application/json, found {kind[:80]}",
        hint="send the bytes of one image as they are, or several as base64 in JSON; see /openapi.json",
        reason="media type",
    )


def _require_plain(request: Request) -> None:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise Refusal(415, f"expected a body without Content-Encoding, found {coding[:80]}", reason="media type")
