"""The size of an image from its header, upright as a decoder shows it."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from yolo_tl.data.records import Size
from yolo_tl.errors import ImageError

# What Ultralytics trains on; other files beside them are not images to us either.
IMAGE_SUFFIXES = frozenset(
    [".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"]
)

MAX_PIXELS = 1 << 30  # OpenCV refuses more
_BLOCKS = (1 << 12, 1 << 18, 1 << 31)  # most headers are in the first; a phone's EXIF needs more

_PNG = b"\x89PNG\r\n\x1a\n"
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_JPEG_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}
_JPEG_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Header(NamedTuple):
    """What the header of an image says.

    Attributes:
        size: width and height in px of the upright image.
        orientation: the EXIF orientation, 1 to 8; 1 is upright as stored, 5 to 8 swap the sides.
        unfinished: a JPEG that does not end in its end marker (FFD9). Training tools, Ultralytics among
            them, write such files anew, in place.
    """

    size: Size
    orientation: int = 1
    unfinished: bool = False

    @property
    def stored(self) -> Size:
        """Width and height in px as stored, before EXIF turns the image."""
        return self.size[::-1] if self.orientation in _SIDEWAYS else self.size


def image_size(path: Path | str) -> Size:
    """Width and height in px of the upright image: EXIF orientation is applied.

    That is the frame of `cv2.imread` and of Ultralytics, and the one that annotation tools
    show. JPEG, PNG, BMP and WebP are read from the header; anything else is decoded.

    Raises:
        ImageError: the file is missing, is not an image, or claims a size that no decoder accepts.
    """
    return image_header(path).size


def image_header(path: Path | str) -> Header:
    """As `image_size`, with the orientation that was applied."""
    path = os.fspath(path)
    header: Header | None = None
    try:
        header = _read_header(path)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: the image is missing", hint="check the path, or leave such images out") from error
    except PermissionError as error:
        raise ImageError(f"{path}: the image cannot be read: {error.strerror}", hint="check its permissions") from error
    except (OSError, ValueError):  # a name that no file can have
        pass
    if header is not None and header.size[0] * header.size[1] > MAX_PIXELS:
        width, height = header.size
        raise ImageError(f"{path}: expected an image, found a header that claims {width} x {height} px")
    if header is None and (size := _decoded(Path(path))):
        header = Header(size)
    if header is None or min(header.size) < 1:
        raise ImageError(f"{path}: expected an image, found a file that cannot be decoded")
    return header


def _read_header(path: str) -> Header | None:
    """From as few bytes as will do; through the system's own calls, which take half the time of a stream."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        content = b""
        for block in _BLOCKS:
            more = os.read(descriptor, block)
            content += more
            header = _png(descriptor, content) if content.startswith(_PNG) else _parse(content)
            if header is not None or not more:
                break
        if header is not None and content[:2] == b"\xff\xd8":
            os.lseek(descriptor, -2, os.SEEK_END)
            header = header._replace(unfinished=os.read(descriptor, 2) != b"\xff\xd9")
        return header
    finally:
        os.close(descriptor)


def _parse(content: bytes) -> Header | None:
    """None where the format is another, or `content` ends before the size."""
    try:
        if content.startswith(b"\xff\xd8"):
            return _jpeg(content)
        if content.startswith(b"BM") and content[14] >= 40:
            width, height = struct.unpack_from("<ii", content, 18)
            return Header((width, abs(height)))
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            size = _webp(content)
            return Header(size) if size else None
    except (struct.error, IndexError, ValueError):
        pass
    return None


def _jpeg(content: bytes) -> Header | None:
    """Walk the segments up to the frame header; an EXIF segment comes before it."""
    at, orientation = 2, 1
    while True:
        at = content.index(b"\xff", at) if content[at] != 0xFF else at
        while content[at] == 0xFF:
            at += 1
        kind = content[at]
        at += 1
        if kind == 0 or kind in _JPEG_NO_LENGTH:
            continue
        if kind in _JPEG_FRAME:
            height, width = struct.unpack_from(">HH", content, at + 3)
            return Header((height, width) if orientation in _SIDEWAYS else (width, height), orientation)
        (length,) = struct.unpack_from(">H", content, at)
        if kind == 0xE1 and orientation == 1 and content[at + 2 : at + 8] == b"Exif\x00\x00":
            orientation = _orientation(content[at + 8 : at + length])
        at += length


def _png(descriptor: int, content: bytes) -> Header | None:
    """The first chunk has the size; the one with the orientation may stand behind the pixels, which are not read."""
    if len(content) < 24:
        return None
    size: Size = struct.unpack_from(">II", content, 16)
    at, head = 8, content[8:16]
    while len(head) == 8 and head[4:] not in (b"IEND", b"eXIf"):
        at += 12 + int.from_bytes(head[:4], "big")
        head = content[at : at + 8] if at + 8 <= len(content) else _read_at(descriptor, at, 8)
    orientation = _orientation(_read_at(descriptor, at + 8, 1 << 16)) if head[4:] == b"eXIf" else 1
    return Header(size[::-1] if orientation in _SIDEWAYS else size, orientation)


def _read_at(descriptor: int, at: int, count: int) -> bytes:
    os.lseek(descriptor, at, os.SEEK_SET)
    return os.read(descriptor, count)


def _webp(head: bytes) -> Size | None:
    kind = head[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and not head[20] & 0x08:  # with EXIF inside, OpenCV versions differ: let it decode
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    return None


def _orientation(tiff: bytes) -> int:
    """The orientation tag (0x0112) of the first directory of a TIFF block; 1 where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, offset)
        for index in range(entries):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, offset + 2 + 12 * index)
            if tag == 0x0112 and kind == 3:
                value = int(struct.unpack_from(f"{order}H", tiff, offset + 2 + 12 * index + 8)[0])
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _decoded(path: Path) -> Size | None:
    import cv2

    try:
        content = np.fromfile(path, np.uint8)  # cv2.imread cannot open every name on every system
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except (OSError, ValueError, cv2.error):
        return None
    return None if image is None else (int(image.shape[1]), int(image.shape[0]))
