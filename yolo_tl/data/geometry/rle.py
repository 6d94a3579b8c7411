"""Masks inside JSON → the rings around their pixels: COCO's run lengths, and the brush of Label Studio."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from yolo_tl.data.geometry.masks import Rings, coco_runs, rings_of_runs
from yolo_tl.data.reading.fields import typed


class _Rle(Struct):
    counts: str | list[int]
    size: tuple[int, int]


def rings_of_rle(value: Any) -> Rings:
    """The outlines of ``{"counts": ..., "size": [height, width]}``, compressed or not.

    Raises:
        ValueError: it is something else, or the counts do not fit the size.
    """
    rle = typed(value, _Rle)
    height, width = rle.size
    runs = coco_runs(rle.counts) if isinstance(rle.counts, str) else rle.counts
    return rings_of_runs(runs, width, height)


def rings_of_brush(content: Any, width: int, height: int) -> Rings:
    """The outlines of a brush stroke of Label Studio.

    Its ``rle`` is a list of bytes: an RGBA image, row by row, packed by ``@thi.ng/rle-pack``. A pixel is
    set where its alpha is not zero.

    Args:
        content: the list.
        width: of the image, px.
        height: of the image, px.

    Raises:
        ValueError: it is no such list, ends too early, or is of an image of another size.
    """
    try:
        packed = bytes(typed(content, list[int]))
    except ValueError as error:
        raise ValueError(f"expected a list of bytes: {error}") from error
    bits = _Bits(packed)
    count = bits.read(32)
    if count != width * height * 4:
        raise ValueError(f"expected an RGBA image of {width} x {height} px, found one of {count} values")
    word = bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    runs = _Runs()
    at = 0
    while at < count:
        repeated = bits.read(1)
        end = min(at + 1 + bits.read(sizes[bits.read(2)]), count)
        if repeated:
            runs.add(bits.read(word) > 0, end // 4 - at // 4)  # every fourth value from the third on is an alpha
        else:
            start = bits.at
            for alpha in range(at // 4 * 4 + 3, end, 4):
                bits.at = start + (alpha - at) * word
                runs.add(bits.read(word) > 0, 1)
            bits.at = start + (end - at) * word
        at = end
    return rings_of_runs(runs.lengths, width, height, by_rows=True)


class _Bits:
    """A stream of bits, the highest of each byte first."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def read(self, count: int) -> int:
        """The next `count` bits as a number."""
        start, self.at = self.at, self.at + count
        end = (self.at + 7) // 8
        if end > len(self.content):
            raise ValueError("expected more bytes, found the end of the list")
        return int.from_bytes(self.content[start // 8 : end], "big") >> (end * 8 - self.at) & ((1 << count) - 1)


class _Runs:
    """Run lengths that start with what is clear."""

    def __init__(self) -> None:
        self.lengths = [0]

    def add(self, is_set: bool, count: int) -> None:
        """`count` more pixels, set or clear."""
        if is_set == (len(self.lengths) % 2 == 0):
            self.lengths[-1] += count
        elif count:
            self.lengths.append(count)
