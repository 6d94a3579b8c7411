"""What the header of an encoded image says of its size, so that a bomb is refused before a pixel is allocated.

Where a decoder could be told two sizes, the larger one is taken. What is read is what the decoders of OpenCV go by.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

from yolo_tl.edge.network import Size

FORMATS = ("PNG", "JPEG", "BMP", "WebP", "TIFF", "GIF", "JPEG 2000", "PNM")
"""What `stored_size` reads."""

_JPEG_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_NO_LENGTH = {0x00, 0x01, *range(0xD0, 0xD9)}
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PNM = re.compile(rb"P[1-6]" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})\s")
_CODESTREAM = b"\xff\x4f\xff\x51"
_JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_TIFF_NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_SAMPLES, _TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT = 256, 257, 258, 277, 322, 323
_DEEPEST = 64  # bits of a pixel: four channels of 16


def stored_size(content: bytes) -> Size | None:
    """Height and width in px that a decoder has to make room for.

    Args:
        content: of an image file.

    Returns:
        None where it is none of `FORMATS`, its header is cut off, or it has more than 64 bits a pixel.
    """
    for start, read in _READERS:
        if re.match(start, content, re.DOTALL):
            try:
                return read(content)
            except (struct.error, IndexError, ValueError, OverflowError):
                return None
    return None


def _png(content: bytes) -> Size:
    width, height = struct.unpack_from(">II", content, 16)
    return height, width


def _jpeg(content: bytes) -> Size:
    """Walk the segments up to the frame header, as libjpeg does."""
    at = 2
    while True:
        at = content.index(b"\xff", at)
        while content[at] == 0xFF:
            at += 1
        kind = content[at]
        at += 1
        if kind in _JPEG_NO_LENGTH:
            continue
        if kind in _JPEG_FRAME:
            height, width = struct.unpack_from(">HH", content, at + 3)
            return height, width
        at += int(struct.unpack_from(">H", content, at)[0])


def _bmp(content: bytes) -> Size:
    if content[14] == 12:
        width, height = struct.unpack_from("<HH", content, 18)
    else:
        width, height = struct.unpack_from("<ii", content, 18)
    return abs(height), abs(width)


def _webp(content: bytes) -> Size:
    kind = content[12:16]
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", content, 24)
        return (high_height << 16 | low_height) + 1, (high_width << 16 | low_width) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", content, 26)
    return height & 0x3FFF, width & 0x3FFF


def _gif(content: bytes) -> Size:
    width, height = struct.unpack_from("<HH", content, 6)
    return height, width


def _pnm(content: bytes) -> Size:
    found = _PNM.match(content)
    if found is None:
        raise ValueError("no size")
    return int(found[2]), int(found[1])


def _jpeg2000(content: bytes) -> Size:
    """From the codestream, whatever the boxes around it say."""
    at = 0 if content.startswith(_CODESTREAM) else _box(content, b"jp2c")
    if content[at : at + 4] != _CODESTREAM:
        raise ValueError("no size")
    width, height, left, top = struct.unpack_from(">IIII", content, at + 8)
    (channels,) = struct.unpack_from(">H", content, at + 40)
    if channels > 4:
        raise ValueError(f"{channels} channels")
    return height - min(top, height), width - min(left, width)


def _box(content: bytes, wanted: bytes) -> int:
    """Where the content of a box of the file begins."""
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        header = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", content, at + 8)
            header = 16
        if kind == wanted:
            return at + header
        if length < header:
            break
        at += length
    raise ValueError("no such box")


def _tiff(content: bytes) -> Size:
    """Of the first page; its tiles may be larger than itself, and a whole tile is decoded."""
    largest: dict[int, int] = {}
    for tag, value in _tiff_tags(content):
        largest[tag] = max(value, largest.get(tag, 0))
    if largest.get(_TIFF_BITS, 1) * largest.get(_TIFF_SAMPLES, 1) > _DEEPEST:
        raise ValueError("too deep")
    return (
        max(largest.get(tag, 0) for tag in (_TIFF_HEIGHT, _TIFF_TILE_HEIGHT)),
        max(largest.get(tag, 0) for tag in (_TIFF_WIDTH, _TIFF_TILE_WIDTH)),
    )


def _tiff_tags(content: bytes) -> Iterator[tuple[int, int]]:
    """Tag and first number of each entry of the first directory that is made of whole numbers."""
    order = "<" if content[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", content, 2)
    if version == 43:  # BigTIFF
        (at,) = struct.unpack_from(order + "Q", content, 8)
        (entries,) = struct.unpack_from(order + "Q", content, at)
        at, step, place, room, pointer = at + 8, 20, 12, 8, "Q"
    else:
        (at,) = struct.unpack_from(order + "I", content, 4)
        (entries,) = struct.unpack_from(order + "H", content, at)
        at, step, place, room, pointer = at + 2, 12, 8, 4, "I"
    for entry in range(at, at + step * entries, step):
        tag, kind, count = struct.unpack_from(order + "HH" + pointer, content, entry)
        if kind not in _TIFF_NUMBERS:
            if tag in (_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_SAMPLES, _TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT):
                raise ValueError("a size that is no whole number")
            continue
        number = order + _TIFF_NUMBERS[kind]
        start = entry + place
        if count * struct.calcsize(number) > room:
            (start,) = struct.unpack_from(order + pointer, content, start)
        yield tag, int(struct.unpack_from(number, content, start)[0])


_READERS: tuple[tuple[bytes, Callable[[bytes], Size]], ...] = (
    (rb"\x89PNG\r\n\x1a\n.{4}IHDR", _png),
    (rb"\xff\xd8\xff", _jpeg),
    (rb"BM", _bmp),
    (rb"RIFF.{4}WEBP", _webp),
    (rb"(?:II[*+]\x00|MM\x00[*+])", _tiff),
    (rb"GIF8[79]a", _gif),
    (re.escape(_CODESTREAM) + b"|" + re.escape(_JP2), _jpeg2000),
    (rb"P[1-6]", _pnm),
)
