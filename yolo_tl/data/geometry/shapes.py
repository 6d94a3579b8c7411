"""Plane geometry of annotation shapes: ellipses and rotated boxes as rings, and the extent of rings.

The y axis points down, so that positive angles turn clockwise as seen on the screen. Nothing here
raises on numbers: what is not finite comes out as NaN, and cleaning drops it under its name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import cast

from yolo_tl.data.records import XYXY, Ring

_ARC = 16  # points on each quarter of an ellipse: off by at most 0.12 % of the radius
_QUADRANTS = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))


def rotated(
    x1: float, y1: float, x2: float, y2: float, degrees: float, about: tuple[float, float] | None = None
) -> Ring:
    """The corners of a box turned clockwise, in the order (x1, y1), (x2, y1), (x2, y2), (x1, y2).

    Args:
        x1: left, before the turn.
        y1: top.
        x2: right.
        y2: bottom.
        degrees: the angle; quarter turns are exact.
        about: the point that stays where it is; by default the centre of the box.

    >>> rotated(0, 0, 4, 2, 90)
    (3.0, -1.0, 3.0, 3.0, 1.0, 3.0, 1.0, -1.0)
    """
    cx, cy = about or (x1 / 2 + x2 / 2, y1 / 2 + y2 / 2)
    cos, sin = _direction(degrees)
    return tuple(
        value
        for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
        for value in (cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos)
    )


def ellipse(cx: float, cy: float, rx: float, ry: float, angle_degrees: float = 0.0) -> Ring:
    """A ring of 64 points on an ellipse, clockwise; its `extent` is exactly that of the ellipse.

    Args:
        cx: centre.
        cy: centre.
        rx: radius along the x axis before the turn.
        ry: radius along the y axis before the turn.
        angle_degrees: the clockwise turn about the centre.

    >>> extent(ellipse(10, 20, 3, 4))
    (7.0, 16.0, 13.0, 24.0)
    """
    cos, sin = _direction(angle_degrees)
    far = math.atan2(-ry * sin, rx * cos), math.atan2(ry * cos, rx * sin)  # where x and y are largest
    stops = sorted((turn + half) % math.tau for turn in far for half in (0.0, math.pi))
    points: list[float] = []
    for start, end in zip(stops, (*stops[1:], stops[0] + math.tau), strict=True):
        for step in range(_ARC):
            turn = start + (end - start) * step / _ARC
            u, v = rx * math.cos(turn), ry * math.sin(turn)
            points += (cx + u * cos - v * sin, cy + u * sin + v * cos)
    return tuple(points)


def ring(points: Iterable[Sequence[float]]) -> Ring:
    """Points as one ring, without the first point repeated at the end.

    >>> ring([(0, 0), (4, 0), (0, 4), (0, 0)])
    (0, 0, 4, 0, 0, 4)
    """
    flat = tuple(value for point in points for value in point)
    return flat[:-2] if len(flat) > 6 and flat[:2] == flat[-2:] else flat


def extent(shape: Ring | Sequence[Ring]) -> XYXY:
    """The upright box around a ring, or around several; NaN where a coordinate is not finite.

    Raises:
        ValueError: there is no point.

    >>> extent(((1, 2, 3, 4), (0, 5, 2, 3)))
    (0, 2, 3, 5)
    """
    if shape and isinstance(shape[0], tuple):
        rings = cast("Sequence[Ring]", shape)
        flat = rings[0] if len(rings) == 1 else tuple(chain.from_iterable(rings))
    else:
        flat = cast("Ring", shape)
    xs, ys = flat[::2], flat[1::2]
    if not xs or not ys:
        raise ValueError("expected points, found none")
    if not (math.isfinite(sum(xs)) or all(map(math.isfinite, xs))) or not (
        math.isfinite(sum(ys)) or all(map(math.isfinite, ys))
    ):
        return (math.nan, math.nan, math.nan, math.nan)
    return min(xs), min(ys), max(xs), max(ys)


def _direction(degrees: float) -> tuple[float, float]:
    """Cosine and sine, exact for quarter turns."""
    if not math.isfinite(degrees):
        return math.nan, math.nan
    if degrees % 90 == 0:
        return _QUADRANTS[int(degrees % 360 // 90)]
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
