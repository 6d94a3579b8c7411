"""The size of an image from its header, upright as a decoder shows it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from yolo_tl.data.records import Size
from yolo_tl.errors import ImageError

# What Ultralytics trains on; other files beside them are not images to us either.
IMAGE_SUFFIXES = frozenset(
    [".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"]
)

_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_JPEG_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}
_JPEG_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def image_size(path: Path | str) -> Size:
    """Width and height in px of the upright image: EXIF orientation is applied.

    That is the frame of `cv2.imread` and of Ultralytics, and the one that annotation tools
    show. JPEG, PNG, BMP and WebP are read from the header; anything else is decoded.

    Raises:
        ImageError: the file is missing, or is not an image.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            size = _from_header(stream)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: the image is missing", hint="check the path, or leave such images out") from error
    except (OSError, struct.error):
        size = None
    size = size or _decoded(path)
    if size is None or min(size) < 1:
        raise ImageError(f"{path}: expected an image, found a file that cannot be decoded")
    return size


def _from_header(stream: BinaryIO) -> Size | None:
    head = stream.read(30)
    if head.startswith(b"\xff\xd8"):
        return _jpeg(stream)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(stream)
    if head.startswith(b"BM") and len(head) >= 26 and head[14] >= 40:
        width, height = struct.unpack("<ii", head[18:26])
        return width, abs(height)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(head)
    return None


def _jpeg(stream: BinaryIO) -> Size | None:
    """Walk the segments up to the frame header; an EXIF segment comes before it."""
    stream.seek(2)
    orientation = 1
    while True:
        byte = stream.read(1)
        if not byte:
            return None
        if byte != b"\xff":
            continue
        while byte == b"\xff":
            byte = stream.read(1)
        if not byte or byte == b"\x00" or byte[0] in _JPEG_NO_LENGTH:
            continue
        (length,) = struct.unpack(">H", stream.read(2))
        if byte[0] in _JPEG_FRAME:
            height, width = struct.unpack(">xHH", stream.read(5))
            return (height, width) if orientation in _SIDEWAYS else (width, height)
        if byte[0] == 0xE1 and orientation == 1:
            segment = stream.read(length - 2)
            if segment.startswith(b"Exif\x00\x00"):
                orientation = _orientation(segment[6:])
        else:
            stream.seek(length - 2, 1)


def _png(stream: BinaryIO) -> Size | None:
    stream.seek(8)
    size: Size | None = None
    orientation = 1
    while len(head := stream.read(8)) == 8:
        (length,), kind = struct.unpack(">I", head[:4]), head[4:]
        if kind == b"IHDR":
            size = struct.unpack(">II", stream.read(8))
            stream.seek(length - 8 + 4, 1)
        elif kind == b"eXIf":
            orientation = _orientation(stream.read(length))
            break
        elif kind == b"IEND":
            break
        else:
            stream.seek(length + 4, 1)
    return size[::-1] if size and orientation in _SIDEWAYS else size


def _webp(head: bytes) -> Size | None:
    kind = head[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", head[21:25])
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
                return int(struct.unpack_from(f"{order}H", tiff, offset + 2 + 12 * index + 8)[0])
    except struct.error:
        pass
    return 1


def _decoded(path: Path) -> Size | None:
    import cv2

    try:
        content = np.fromfile(path, np.uint8)  # cv2.imread cannot open every name on every system
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except (OSError, cv2.error):
        return None
    return None if image is None else (int(image.shape[1]), int(image.shape[0]))
