"""The ``segmentation`` of a COCO annotation as rings: polygons, and run lengths of either kind."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from yolo_tl.data.geometry.masks import coco_runs, rings_of_runs
from yolo_tl.data.reading.fields import found, typed
from yolo_tl.data.records import Ring, Size


class Shape(NamedTuple):
    """What a segmentation holds.

    Attributes:
        parts: outer rings.
        holes: inner rings; polygons have none.
        rings_dropped: rings that are no polygon, of fewer than three points or half a point.
    """

    parts: tuple[Ring, ...] = ()
    holes: tuple[Ring, ...] = ()
    rings_dropped: int = 0


class _Runs(Struct):
    counts: list[int] | str
    size: tuple[int, int]


_POLYGONS = msgspec.json.Decoder(tuple[Ring, ...])


def shape_of(segmentation: Any, size: Size | None) -> Shape:
    """The rings of a segmentation; none where it is missing or empty.

    Args:
        segmentation: its JSON text, or the value.
        size: of the image, where it is known: that of a mask has to be the same.

    Raises:
        ValueError: it is not a segmentation, or its mask is of another size; the message says what it is.
    """
    if isinstance(segmentation, Raw):
        try:
            polygons = _POLYGONS.decode(segmentation)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            segmentation = _decoded(segmentation)
        else:
            for ring in polygons:
                if len(ring) < 6 or len(ring) & 1:
                    return _usable(polygons)
            return Shape(polygons)
    if not segmentation:
        return Shape()
    if isinstance(segmentation, dict):
        return _mask(typed(segmentation, _Runs), size)
    if not isinstance(segmentation, list):
        raise ValueError(f"expected polygons or run lengths, found {found(segmentation)}")
    is_flat = not any(isinstance(item, list) for item in segmentation)  # one ring without the list around it
    rings: list[Ring] = []
    for item in [segmentation] if is_flat else segmentation:
        try:
            rings.append(typed(item, tuple[float, ...]))
        except ValueError:
            rings.append((0.0,))  # no polygon, and not none either
    return _usable(tuple(rings))


def _decoded(segmentation: Raw) -> Any:
    if not bytes(segmentation):
        return None
    try:
        return msgspec.json.decode(segmentation)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"expected polygons or run lengths: {error}") from error


def _usable(rings: tuple[Ring, ...]) -> Shape:
    rings = tuple(ring for ring in rings if ring != ())  # [[]] is how some tools write none
    kept = tuple(ring for ring in rings if len(ring) >= 6 and len(ring) % 2 == 0)
    if rings and not kept:
        raise ValueError("expected polygons of three points or more, found none")
    return Shape(kept, rings_dropped=len(rings) - len(kept))


def _mask(mask: _Runs, size: Size | None) -> Shape:
    height, width = mask.size
    if size is not None and size != (width, height):
        raise ValueError(f"expected a mask of {size[0]} x {size[1]} px as the image, found {width} x {height}")
    runs = coco_runs(mask.counts) if isinstance(mask.counts, str) else mask.counts
    return Shape(*rings_of_runs(runs, width, height))
