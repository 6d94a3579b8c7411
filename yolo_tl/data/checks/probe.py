"""What a look at the first and last bytes of an image file tells, without decoding it."""

from __future__ import annotations

import os
import struct
import zlib
from enum import IntEnum
from typing import NamedTuple

from yolo_tl.data.image_size import image_header
from yolo_tl.data.records import Size
from yolo_tl.errors import ImageError

_HEAD, _TAIL = 4096, 64
MAX_PIXELS = 178_956_970  # Pillow, with which Ultralytics opens every image first, takes more for an attack


class State(IntEnum):
    """What an image file is."""

    SOUND = 0
    MISSING = 1
    BROKEN_LINK = 2
    UNREADABLE = 3
    EMPTY = 4
    CORRUPT = 5
    ABSURD = 6


class End(IntEnum):
    """How an image file ends."""

    PROPER = 0
    TRAILING = 1  # bytes after the end marker
    TRUNCATED = 2


class Probe(NamedTuple):
    """One image file.

    Attributes:
        state: what it is.
        size: width, height in px of the upright image; 0, 0 where there is none.
        orientation: EXIF orientation, 1 to 8.
        bytes: of the file.
        file: device and number of the file, the same for hard links.
        sketch: of its size, beginning and end; equal for equal content.
        format: what the content is: jpeg, png, ..., or "" for something unknown.
        mode: of the pixels, where the beginning tells: grey, colour, palette, alpha, 16 bit, cmyk, or "".
        end: how it ends.
        detail: what is wrong.
    """

    state: State
    size: Size = (0, 0)
    orientation: int = 1
    bytes: int = 0
    file: tuple[int, int] = (0, 0)
    sketch: int = 0
    format: str = ""
    mode: str = ""
    end: End = End.PROPER
    detail: str = ""


def probe(path: str) -> Probe:
    """Look at an image file; never raises."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        return Probe(State.BROKEN_LINK if os.path.islink(path) else State.MISSING)
    except OSError as error:
        return Probe(State.UNREADABLE, detail=error.strerror or str(error))
    try:
        stat = os.fstat(handle)
        head = os.read(handle, _HEAD)
        tail = head
        if stat.st_size > _HEAD:
            os.lseek(handle, -_TAIL, os.SEEK_END)
            tail = os.read(handle, _TAIL)
    except OSError as error:
        return Probe(State.UNREADABLE, detail=error.strerror or str(error))
    finally:
        os.close(handle)
    if not stat.st_size:
        return Probe(State.EMPTY)
    sketch = zlib.crc32(tail, zlib.crc32(head)) | stat.st_size << 32
    format = _format(head)
    facts = (stat.st_size, (stat.st_dev, stat.st_ino), sketch & (1 << 63) - 1, format)
    try:
        header = image_header(path)
    except ImageError as error:
        state = State.ABSURD if "claims" in error.message else State.CORRUPT
        return Probe(state, (0, 0), 1, *facts, detail=error.message.partition(": ")[2])
    if header.size[0] * header.size[1] > MAX_PIXELS:
        claimed = "a header that claims {} x {} px".format(*header.size)
        return Probe(State.ABSURD, (0, 0), 1, *facts, detail=claimed)
    end = _end(path, format, head, tail, stat.st_size)
    return Probe(State.SOUND, header.size, header.orientation, *facts, mode=_mode(format, head), end=end)


def _format(head: bytes) -> str:
    if head.startswith(b"\xff\xd8"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"BM"):
        return "bmp"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "tiff"
    if head[4:8] == b"ftyp":
        return {b"avif": "avif", b"avis": "avif"}.get(head[8:12], "heif")
    if head.startswith((b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")):
        return "jp2"
    if head[:2] in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"):
        return "pnm"
    return ""


def _end(path: str, format: str, head: bytes, tail: bytes, size: int) -> End:
    if format == "jpeg":
        return End.PROPER if tail.endswith(b"\xff\xd9") else _jpeg_end(path)
    if format == "png":
        if tail.endswith(b"IEND\xaeB`\x82"):
            return End.PROPER
        return End.TRAILING if b"IEND\xaeB`\x82" in _content(path) else End.TRUNCATED
    if format == "webp" and len(head) >= 12:
        return End.TRUNCATED if int(struct.unpack("<I", head[4:8])[0]) + 8 > size + 1 else End.PROPER
    if format == "bmp" and len(head) >= 34:
        offset, width, height, bits, compression = (
            *struct.unpack("<I4xii", head[10:26]),
            *struct.unpack("<HI", head[28:34]),
        )
        needed = offset + (width * bits + 31) // 32 * 4 * abs(height)
        return End.TRUNCATED if compression == 0 and needed > size else End.PROPER
    return End.PROPER


def _jpeg_end(path: str) -> End:
    """Whether the end marker stands before trailing bytes, or nowhere.

    Markers do not occur in compressed data, but a thumbnail in a segment has its own: segments
    are skipped by their lengths.
    """
    content = _content(path)
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        code = content[at + 1]
        if code == 0xFF:
            at += 1
            continue
        if code == 0xD9:
            return End.TRAILING
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if code == 0xDA:
            break
    return End.TRAILING if content.find(b"\xff\xd9", at) >= 0 else End.TRUNCATED


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def _mode(format: str, head: bytes) -> str:
    if format == "png" and len(head) > 25:
        depth, colour = head[24], head[25]
        if depth == 16:
            return "16 bit"
        return {0: "grey", 2: "colour", 3: "palette", 4: "alpha", 6: "alpha"}.get(colour, "")
    if format == "jpeg":
        at = 2
        while at + 10 <= len(head) and head[at] == 0xFF:
            code = head[at + 1]
            if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
                return {1: "grey", 3: "colour", 4: "cmyk"}.get(head[at + 9], "")
            at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return ""
