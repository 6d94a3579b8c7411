"""JPEG pictures over HTTP, as most network cameras and ``mjpg-streamer`` serve them.

OpenCV can read them, too, but through FFmpeg, which makes half a picture whole and scales one of another size to the
size of the first. Here each picture is decoded on its own, and what is wrong with one is seen.
"""

from __future__ import annotations

from http.client import HTTPException, HTTPResponse
from typing import Any

from yolo_tl.edge.image import Image, decode_image
from yolo_tl.errors import ImageError, RuntimeFailure
from yolo_tl.streams.address import login, public
from yolo_tl.streams.capture import NetworkSource
from yolo_tl.streams.source import Feed, Picture

_LINE = 1 << 16
_LARGEST = 1 << 26
"""Bytes of a line, and of a picture, that are believed."""


class HttpSource(NetworkSource):
    """A camera behind ``http://`` or ``https://``: JPEG pictures in a row, or what FFmpeg understands.

    Args:
        address: with user and password, if it wants them.
        timeout: s to wait for the connection, and for data.
    """

    def open(self) -> Feed:
        """Connect.

        Raises:
            RuntimeFailure: there is no server, or it gives no pictures.
        """
        try:
            response = _request(self.address, self.timeout)
        except (OSError, HTTPException) as error:
            raise RuntimeFailure(f"{self.name}: {error}", hint="check address, user and password") from error
        boundary = response.headers.get_boundary()
        if response.headers.get_content_maintype() == "multipart" and boundary:
            return MjpegFeed(response, boundary, self.name)
        response.close()
        return super().open()


class MjpegFeed:
    """Parts of a ``multipart/x-mixed-replace`` answer, each of them a JPEG file."""

    def __init__(self, response: HTTPResponse, boundary: str, name: str) -> None:
        self._response = response
        self._boundary = boundary.encode("latin-1").strip(b"-")  # some servers name it with its dashes
        self._name = name
        self._at_part = False

    def read(self, timeout: float) -> Picture:
        """The next picture; one that is damaged or cut off is none.

        Raises:
            RuntimeFailure: the connection is broken, or what comes are no parts.
        """
        try:
            content = self._part()
        except (OSError, HTTPException, ValueError) as error:
            raise RuntimeFailure(f"{self._name}: the connection broke: {error or type(error).__name__}") from error
        image = _decoded(content)
        return Picture(image, problem="" if image is not None else f"{self._name}: {len(content)} bytes are no JPEG")

    def close(self) -> None:
        """Close the connection."""
        self._response.close()

    def _part(self) -> bytes:
        skipped = 0
        while not self._at_part:
            line = self._line()
            self._at_part = self._separates(line)
            skipped += len(line)
            if skipped > _LARGEST:
                raise ValueError("no part begins")
        self._at_part = False
        length = None
        while line := self._line().strip():
            key, _, value = line.partition(b":")
            if key.strip().lower() == b"content-length":
                length = int(value)
        return self._lines() if length is None else self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        if not 0 <= length <= _LARGEST:
            raise ValueError(f"a part of {length} bytes")
        content = self._response.read(length)
        if len(content) < length:
            raise ValueError("it ended within a part")
        return content

    def _lines(self) -> bytes:
        content = bytearray()
        while len(content) <= _LARGEST:
            line = self._line()
            if self._separates(line):
                self._at_part = True
                return bytes(content)
            content += line
        raise ValueError("a part does not end")

    def _line(self) -> bytes:
        line = self._response.readline(_LINE)
        if not line:
            raise ValueError("it ended")
        return line

    def _separates(self, line: bytes) -> bool:
        return line.startswith(b"-") and line.strip().strip(b"-") == self._boundary


def _request(address: str, timeout: float) -> Any:
    # Imported where it is needed, because it takes as long as half the runtime.
    from urllib.request import (
        HTTPBasicAuthHandler,
        HTTPDigestAuthHandler,
        HTTPPasswordMgrWithDefaultRealm,
        build_opener,
    )

    known = login(address)
    passwords = HTTPPasswordMgrWithDefaultRealm()
    if known is not None:
        passwords.add_password(None, public(address), *known)
    opener = build_opener(HTTPBasicAuthHandler(passwords), HTTPDigestAuthHandler(passwords))
    return opener.open(public(address), timeout=timeout)


def _decoded(content: bytes) -> Image | None:
    if not content.startswith(b"\xff\xd8") or b"\xff\xd9" not in content[-64:]:
        return None  # older versions of OpenCV fill what is missing with grey
    try:
        return decode_image(content)
    except ImageError:
        return None
