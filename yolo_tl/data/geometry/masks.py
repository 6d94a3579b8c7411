"""Bitmaps and run lengths → the rings around their pixels.

A ring runs along the edges of the pixels, not through their centres as `cv2.findContours`
does: a square of 50 px has sides of 50, and the area of the parts less that of the holes is
the number of pixels set.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.image_size import image_size
from yolo_tl.data.records import Ring
from yolo_tl.errors import ImageError, ParseError

Point = tuple[int, int]
Rings = tuple[tuple[Ring, ...], tuple[Ring, ...]]

MAX_PIXELS = 1 << 27  # of one mask; more is a mistake, or an attack


def rings_of(mask: NDArray[Any], offset: tuple[float, float] = (0, 0)) -> Rings:
    """The outlines of the pixels that are set.

    Every ring is simple, has no point on a straight line, and starts at the leftmost of its topmost
    points. Pixels that touch at a corner only are two parts. Parts run clockwise as seen
    on the screen, holes counter-clockwise.

    Args:
        mask: [height, width]; whatever is not zero is set.
        offset: x, y of the upper left corner of the mask in the image, added to each point.

    Returns:
        parts and holes, each from top to bottom; none where no pixel is set.
    """
    pixels = np.asarray(mask, dtype=bool)
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return (), ()
    top_row, left_column = int(rows[0]), int(columns[0])
    filled = np.pad(pixels[top_row : rows[-1] + 1, left_column : columns[-1] + 1], 1)
    # Of the four pixels around each lattice point; it is a corner if they form no straight edge.
    nw, ne, sw, se = filled[:-1, :-1], filled[:-1, 1:], filled[1:, :-1], filled[1:, 1:]
    odd = nw ^ ne ^ sw ^ se
    corner = odd | ((nw == se) & (nw != ne))
    y, x = np.nonzero(corner)
    crossing = ~odd[y, x]  # two pixels are set, and they touch at this point
    # A crossing is two corners: `first` ends the edges from the left and from above, `second` those from the
    # right and from below. That may join rings which touch; they are cut apart in the end.
    first = np.arange(len(y)) + np.concatenate(([0], np.cumsum(crossing)[:-1]))
    second = first + crossing
    count = int(second[-1]) + 1
    px, py = np.empty(count, np.int64), np.empty(count, np.int64)
    px[first], py[first], px[second], py[second] = x, y, x, y
    after = np.empty(count, np.int64)
    # In every row corners are joined in pairs: along the top of pixels to the right, along their bottom to the left.
    left, right = np.arange(0, count, 2), np.arange(1, count, 2)
    top = filled[py[left] + 1, px[left] + 1] & ~filled[py[left], px[left] + 1]
    after[np.where(top, left, right)] = np.where(top, right, left)
    # In every column likewise.
    by_column = np.lexsort((y, x))
    ends = np.stack([first, second], axis=1)[by_column]
    pairs = ends[np.stack([np.ones_like(crossing), crossing], axis=1)[by_column]]
    high, low = pairs[0::2], pairs[1::2]
    inside = filled[py[high] + 1, px[high]] & ~filled[py[high] + 1, px[high] + 1]  # right edge of a pixel: downwards
    after[np.where(inside, high, low)] = np.where(inside, low, high)
    return _collect(after.tolist(), px.tolist(), py.tolist(), (offset[0] + left_column, offset[1] + top_row))


def _collect(after: list[int], px: list[int], py: list[int], offset: tuple[float, float]) -> Rings:
    """Walk the corners, each to the one after it, and cut each round where it touches itself."""
    rings: list[tuple[int, int, bool, Ring]] = []
    dx, dy = float(offset[0]), float(offset[1])
    for start in range(len(after)):
        if after[start] < 0:
            continue
        walk: list[int] = []
        node = start
        while after[node] >= 0:
            walk.append(node)
            after[node], node = -1, after[node]
        for loop in _simple([(px[node], py[node]) for node in walk]):
            at = min(range(len(loop)), key=lambda i: (loop[i][1], loop[i][0]))
            turned = loop[at:] + loop[:at]
            is_part = turned[1][1] == turned[0][1]  # from its upper left corner a part goes right, a hole down
            ring = tuple(value for x, y in turned for value in (x + dx, y + dy))
            rings.append((turned[0][1], turned[0][0], is_part, ring))
    rings.sort(key=lambda item: item[:2])
    return tuple(item[3] for item in rings if item[2]), tuple(item[3] for item in rings if not item[2])


def _simple(walk: list[Point]) -> list[list[Point]]:
    """A closed walk as closed walks that pass no point twice."""
    if len(set(walk)) == len(walk):
        return [walk]
    loops: list[list[Point]] = []
    way: list[Point] = []
    place: dict[Point, int] = {}
    for point in walk:
        if point in place:
            loops.append(way[place[point] :])
            del way[place[point] :]
            for passed in loops[-1]:
                del place[passed]
        place[point] = len(way)
        way.append(point)
    return [*loops, way]


def rings_of_runs(runs: Sequence[int] | NDArray[np.int64], width: int, height: int, *, by_rows: bool = False) -> Rings:
    """The outlines of a run-length encoded mask.

    Args:
        runs: how many pixels are clear, then how many are set, and so on; as many as there are pixels.
        width: of the mask, px.
        height: of the mask, px.
        by_rows: the runs follow the rows, not the columns as in COCO.

    Raises:
        ValueError: the runs are not numbers, not positive, or not as many as there are pixels; or the
            part of the mask in which pixels are set is absurdly large.
    """
    try:
        lengths = np.array(runs, np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("expected a list of run lengths, found something else in it") from error
    lines, length = (height, width) if by_rows else (width, height)
    if lengths.ndim != 1 or lines < 1 or length < 1 or (len(lengths) and int(lengths.min()) < 0):
        raise ValueError(f"expected run lengths of a mask of {width} x {height} px, found others")
    total = sum(lengths.tolist())  # as Python integers, which do not overflow
    if total != lines * length or total >> 62:
        raise ValueError(f"expected run lengths that add up to {width} x {height} px, found {total}")
    ends = np.cumsum(lengths)
    set_ = np.flatnonzero(lengths[1::2]) * 2 + 1
    if not len(set_):
        return (), ()
    # Only the lines that hold pixels are unpacked.
    first, last = int(ends[set_[0] - 1]) // length, (int(ends[set_[-1]]) - 1) // length
    if (last - first + 1) * length > MAX_PIXELS:
        raise ValueError(f"expected a mask of at most {MAX_PIXELS >> 20} megapixels, found {width} x {height} px")
    bounds = np.clip(np.concatenate(([0], ends)) - first * length, 0, (last - first + 1) * length)
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, np.diff(bounds))
    block = flat.reshape(-1, length)
    return rings_of(block, (0, first)) if by_rows else rings_of(block.T, (first, 0))


def coco_runs(text: str | bytes) -> NDArray[np.int64]:
    """The run lengths of COCO's compressed notation (``rleToString`` of its ``maskApi.c``).

    Six bits a character from ``0`` on: five of the number, lowest first, and one that says that more follow.
    From the fourth run on the number is the difference to the run two before.

    Raises:
        ValueError: the text is something else.
    """
    try:
        codes = np.frombuffer(text.encode("ascii") if isinstance(text, str) else text, np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError as error:
        raise ValueError("expected compressed run lengths, found characters that never occur in them") from error
    if not len(codes):
        return codes
    if codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError("expected compressed run lengths, found characters that never occur in them")
    ends = np.flatnonzero(codes & 32 == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    digits = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    if digits.max() > 10:
        raise ValueError("expected compressed run lengths, found a number too large for one")
    values = np.add.reduceat((codes & 31) << (5 * digits), starts)
    values -= (codes[ends] & 16 != 0) * (np.int64(1) << (5 * (ends - starts + 1)))  # the sign bit
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def read_values(path: Path) -> NDArray[Any]:
    """The numbers in a mask image of one channel: palette indices, or grey values of 8 or 16 bits.

    Colour images whose channels are all equal count as grey.

    Returns:
        [height, width], uint8 or uint16.

    Raises:
        ParseError: it is not such an image, or absurdly large.
    """
    content = _content(path)
    depth = _palette_depth(content)
    values = _decoded(_without_palette(content) if depth else content, path, is_colour=False)
    if values.ndim == 3 and all(np.array_equal(values[..., 0], values[..., i]) for i in (1, 2)):
        values = values[..., 0]
    if values.ndim != 2 or values.dtype not in (np.uint8, np.uint16):
        raise ParseError(path, "expected a mask image of one channel, found one in colour")
    # OpenCV spreads grey of less than 8 bits over 0 to 255.
    return np.asarray(values // (255 // (2**depth - 1)) if depth else values)


def read_colours(path: Path) -> NDArray[np.int32]:
    """The colours of a mask image as numbers, red + 256 green + 65536 blue.

    Returns:
        [height, width].

    Raises:
        ParseError: it is not an image, or absurdly large.
    """
    blue, green, red = np.moveaxis(_decoded(_content(path), path, is_colour=True).astype(np.int32), -1, 0)
    return np.asarray(red + (green << 8) + (blue << 16))


def _content(path: Path) -> bytes:
    try:
        width, height = image_size(path)
        content = path.read_bytes()
    except (ImageError, OSError, ValueError) as error:
        raise ParseError(path, f"expected a mask image: {error}") from error
    if width * height > MAX_PIXELS:
        raise ParseError(path, f"expected a mask image, found a header that claims {width} x {height} px")
    return content


def _decoded(content: bytes, path: Path, *, is_colour: bool) -> NDArray[Any]:
    import cv2

    try:
        flag = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION if is_colour else cv2.IMREAD_UNCHANGED
        values = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error as error:
        raise ParseError(path, "expected a mask image, found one that cannot be decoded") from error
    if values is None:
        raise ParseError(path, "expected a mask image, found one that cannot be decoded")
    return np.asarray(values)


def _palette_depth(content: bytes) -> int:
    """Bits of each index where this is a PNG with a palette, else 0."""
    is_palette = content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR" and content[25:26] == b"\x03"
    return content[24] if is_palette and content[24] in (1, 2, 4, 8) else 0


def _without_palette(content: bytes) -> bytes:
    """The same PNG as grey values: decoders turn indices into colours, and the indices are lost."""
    header = b"IHDR" + content[16:25] + b"\x00" + content[26:29]
    kept = [content[:8], struct.pack(">I", 13), header, struct.pack(">I", zlib.crc32(header))]
    at = 33
    while at + 8 <= len(content):
        (length,), kind = struct.unpack_from(">I", content, at), content[at + 4 : at + 8]
        if kind in (b"IDAT", b"IEND"):
            kept.append(content[at : at + 12 + length])
        at += 12 + length
    return b"".join(kept)
