"""Instance masks of Pascal VOC: ``SegmentationObject/<stem>.png``, one palette index an object.

Object i of the XML file is index i; 0 is background, and 255 the border that belongs to nothing. CVAT and
datumaro write the colours of that palette instead of the indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.geometry.masks import MAX_PIXELS, read_values, rings_of
from yolo_tl.data.image_size import image_size
from yolo_tl.data.records import XYXY, Annotation, Dropped, replace
from yolo_tl.errors import ImageError, ParseError

OBJECT_MASKS = "SegmentationObject"
MASK_FOLDERS = frozenset({OBJECT_MASKS, "SegmentationClass"})
_VOID = 255
_SAME = 0.5  # overlap (IoU) of the box of an object and that of its mask, below which they are not the same


def with_masks(objects: Sequence[Annotation | Dropped], mask: Path) -> list[Annotation | Dropped]:
    """The objects with the outlines of their instances.

    Where there are as many instances as objects, their order says which is which. Otherwise it is not to
    be trusted, and an outline is used only if its extent is roughly the box of the object. An object
    without an outline keeps its box and is repaired as ``no_mask``; an outline without an object
    is dropped as ``mask_without_object``.

    Raises:
        ParseError: the mask is not an image of indices.
    """
    values = _indices(mask)
    indices = {int(index) for index in np.unique(values)} - {0, _VOID}
    is_complete = indices == set(range(1, len(objects) + 1))
    result = list(objects)
    for number, item in enumerate(objects, start=1):
        if isinstance(item, Dropped):
            indices.discard(number)  # accounted for already
            continue
        outlined = _outlined(item, values == number) if number in indices else None
        if outlined is None or not (is_complete or _overlap(item.box, outlined[1]) >= _SAME):
            result[number - 1] = replace(item, repair=item.repair or "no_mask")
            continue
        result[number - 1] = outlined[0]
        indices.discard(number)
    for index in sorted(indices):
        detail = f"{len(objects)} objects in the XML file; this instance belongs to none of them"
        result.append(Dropped("mask_without_object", mask, f"index {index}", detail))
    return result


def _indices(path: Path) -> NDArray[Any]:
    try:
        return read_values(path)
    except ParseError as error:
        colours = _colours(path)
        if colours is None:
            raise
        packed = colours.astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)  # OpenCV: blue, green, red
        palette = np.array([_colour(index) for index in range(256)], np.int32)
        order = np.argsort(palette)
        found = order[np.searchsorted(palette[order], packed).clip(max=255)]
        if not np.array_equal(palette[found], packed):
            raise ParseError(path, "expected the colours of the VOC palette, found others") from error
        return np.asarray(found, np.uint8)


def _colours(path: Path) -> NDArray[Any] | None:
    """The pixels, blue, green, red; None where there is no image of a sensible size."""
    import cv2

    try:
        width, height = image_size(path)
        if width * height > MAX_PIXELS:
            return None
        return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (ImageError, OSError, cv2.error):
        return None


def _colour(index: int) -> int:
    """The colour of an index in the palette of VOC (VOCcolormap of its development kit), as 0xRRGGBB."""
    red, green, blue = (
        sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3)
    )
    return red << 16 | green << 8 | blue


def _outlined(item: Annotation, pixels: NDArray[np.bool_]) -> tuple[Annotation, XYXY]:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    parts, holes = rings_of(pixels[top:bottom, left:right], (left, top))
    return replace(item, parts=parts, holes=holes), (float(left), float(top), float(right), float(bottom))


def _overlap(a: XYXY | None, b: XYXY) -> float:
    if a is None:
        return 0.0
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if not (width > 0 and height > 0):
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
