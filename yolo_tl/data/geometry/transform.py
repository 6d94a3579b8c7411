"""The geometry of annotations: mapped to px of the upright image, cut at its border, turned into what a task needs.

Pure functions on the tuples of `yolo_tl.data.records`; nothing here drops or reports anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from operator import mul

from yolo_tl.data.geometry.shapes import extent
from yolo_tl.data.records import XYXY, Annotation, Ring, Size, replace

Mapping = Callable[[float, float], tuple[float, float]]


def area(ring: Ring) -> float:
    """The area within a ring, by the shoelace formula; never negative."""
    xs, ys = ring[::2], ring[1::2]
    twice: float = sum(map(mul, xs, ys[1:])) - sum(map(mul, ys, xs[1:])) + xs[-1] * ys[0] - ys[-1] * xs[0]
    return abs(twice) / 2


def box_of(annotation: Annotation) -> tuple[XYXY, str] | None:
    """The box of an annotation and, where it had to be found from a shape, from which; None for a tag."""
    if annotation.box is not None:
        return annotation.box, ""
    if annotation.parts:
        return extent(annotation.parts), "polygon"
    if annotation.corners:
        return extent(annotation.corners), "corners"
    labelled = _labelled(annotation.keypoints)
    return (extent(labelled), "keypoints") if labelled else None


def is_finite(annotation: Annotation) -> bool:
    """No coordinate is infinite or not a number."""
    rings: Iterable[Ring] = (*annotation.parts, *annotation.holes, annotation.corners, _labelled(annotation.keypoints))
    # A sum is not finite if a number in it is not; the rest is for sums of numbers too large to add.
    return all(
        math.isfinite(sum(ring)) or all(map(math.isfinite, ring)) for ring in (annotation.box or (), *rings) if ring
    )


def scaled(annotation: Annotation, size: Size) -> Annotation:
    """Shares of the sides as px."""
    width, height = size
    return _mapped(annotation, lambda x, y: (x * width, y * height))


def turned(annotation: Annotation, orientation: int, stored: Size) -> Annotation:
    """From the frame of the stored image to that of the upright one (EXIF 2.3, tag 0x0112).

    Args:
        annotation: in px of the image as stored.
        orientation: the EXIF orientation, 1 to 8.
        stored: width and height as stored.
    """
    w, h = stored
    turns: dict[int, Mapping] = {
        2: lambda x, y: (w - x, y),
        3: lambda x, y: (w - x, h - y),
        4: lambda x, y: (x, h - y),
        5: lambda x, y: (y, x),
        6: lambda x, y: (h - y, x),
        7: lambda x, y: (h - y, w - x),
        8: lambda x, y: (y, w - x),
    }
    return _mapped(annotation, turns[orientation]) if orientation in turns else annotation


def _mapped(annotation: Annotation, to: Mapping) -> Annotation:
    box = annotation.box
    if box is not None:
        (x1, y1), (x2, y2) = to(box[0], box[1]), to(box[2], box[3])
        turned_x, turned_y = to(1.0, 1.0)[0] < to(0.0, 0.0)[0], to(1.0, 1.0)[1] < to(0.0, 0.0)[1]
        # A mirrored axis swaps the corners; corners that the source had swapped stay so.
        box = (x2 if turned_x else x1, y2 if turned_y else y1, x1 if turned_x else x2, y1 if turned_y else y2)
    points = annotation.keypoints
    moved = tuple(
        value
        for x, y, v in zip(points[::3], points[1::3], points[2::3], strict=True)
        for value in ((*to(x, y), v) if v else (0.0, 0.0, 0.0))
    )
    return replace(
        annotation,
        box=box,
        parts=tuple(_ring(ring, to) for ring in annotation.parts),
        holes=tuple(_ring(ring, to) for ring in annotation.holes),
        corners=_ring(annotation.corners, to),
        keypoints=moved,
    )


def _ring(ring: Ring, to: Mapping) -> Ring:
    return tuple(value for x, y in zip(ring[::2], ring[1::2], strict=True) for value in to(x, y))


def _labelled(keypoints: Ring) -> Ring:
    """x, y of the keypoints that are labelled."""
    if not keypoints:
        return ()
    triplets = zip(keypoints[::3], keypoints[1::3], keypoints[2::3], strict=True)
    return tuple(value for x, y, v in triplets if v for value in (x, y))


def cut(ring: Ring, size: Size) -> Ring:
    """The part of a polygon that lies in the image; empty where none does.

    Sutherland and Hodgman (1974): a polygon that leaves the image and comes back gets an edge
    along the border, which encloses nothing.
    """
    for axis, limit, sign in ((0, 0.0, 1), (1, 0.0, 1), (0, float(size[0]), -1), (1, float(size[1]), -1)):
        kept: list[float] = []
        for i in range(0, len(ring), 2):
            before, here = ring[i - 2 : i] if i else ring[-2:], ring[i : i + 2]
            was, now = (before[axis] - limit) * sign >= 0, (here[axis] - limit) * sign >= 0
            if was != now:
                share = (limit - before[axis]) / (here[axis] - before[axis])
                other = before[1 - axis] + share * (here[1 - axis] - before[1 - axis])
                kept += (limit, other) if axis == 0 else (other, limit)
            if now:
                kept += here
        ring = tuple(kept)
    return ring


def corners_of(box: XYXY) -> Ring:
    """The four corners of an upright box, clockwise from the upper left."""
    x1, y1, x2, y2 = box
    return x1, y1, x2, y1, x2, y2, x1, y2


def smallest_box(rings: Iterable[Ring]) -> Ring:
    """The four corners of the smallest oriented box around some rings."""
    import cv2
    import numpy as np

    points = np.concatenate([np.asarray(ring, np.float32).reshape(-1, 2) for ring in rings])
    return tuple(float(value) for value in cv2.boxPoints(cv2.minAreaRect(points)).ravel())
