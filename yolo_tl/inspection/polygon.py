"""Polygons of any simple shape, concave ones included: which points lie in one, how much of a box does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Point = tuple[float, float]
Points = NDArray[np.float64]


class Outline:
    """The outline of a polygon (V, 2).

    >>> Outline([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]]).contains([[2, 0.5], [2, 3], [0, 1]]).tolist()
    [True, False, True]
    """

    def __init__(self, polygon: ArrayLike) -> None:
        start = np.asarray(polygon, np.float64)
        end = np.roll(start, -1, axis=0)
        (self._x, self._y), self._y2 = start.T, end[:, 1]
        self._low, self._high = np.minimum(start, end).T, np.maximum(start, end).T
        self._width, self._height = (end - start).T

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Which of `points` (N, 2) lie in the polygon, its outline included: (N,).

        A ray to the right of a point that is inside crosses the outline an odd number of times.
        """
        x, y = np.asarray(points, np.float64).reshape(-1, 1, 2).transpose(2, 0, 1)
        side = self._width * (y - self._y) - self._height * (x - self._x)
        (left, top), (right, bottom) = self._low, self._high
        crossed = ((self._y > y) != (self._y2 > y)) & ((side > 0) == (self._height > 0))
        on = (side == 0) & (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        inside: NDArray[np.bool_] = on.any(axis=1) | (crossed.sum(axis=1) % 2 == 1)
        return inside


def signed_area(polygon: Sequence[Point]) -> float:
    """Area of a polygon; below 0 where its outline goes the other way round.

    >>> signed_area([(0, 0), (2, 0), (2, 2), (0, 2)])
    4.0
    """
    return sum((a[0] * b[1] - b[0] * a[1]) / 2 for a, b in zip(polygon, [*polygon[1:], *polygon[:1]], strict=True))


def covered(polygon: Sequence[Point], box: Sequence[Point]) -> float:
    """Share of the area of a convex `box` (4 corners in order) that lies in `polygon`; 0 for a box without area.

    The polygon is cut at one side of the box after the other (Sutherland and Hodgman 1974). What is left of a concave
    one may be joined by seams of no width, which add nothing to its area.

    >>> covered([(0, 0), (2, 0), (2, 2), (0, 2)], [(1, 0), (3, 0), (3, 2), (1, 2)])
    0.5
    """
    whole = signed_area(box)
    if whole == 0:
        return 0.0
    left = list(polygon)
    for a, b in zip(box, [*box[1:], *box[:1]], strict=True):
        left = _cut(left, a, b, 1.0 if whole > 0 else -1.0)
        if not left:
            return 0.0
    return min(abs(signed_area(left)) / abs(whole), 1.0)


def crosses_itself(polygon: Sequence[Point]) -> bool:
    """Whether two sides of a polygon meet anywhere but in the corner they share."""
    sides = list(zip(polygon, [*polygon[1:], *polygon[:1]], strict=True))
    for i, (a, b) in enumerate(sides):
        for j in range(i + 1, len(sides)):
            c, d = sides[j]
            if j == i + 1 or (i == 0 and j == len(sides) - 1):
                shared, p, q = (b, a, d) if j == i + 1 else (a, b, c)
                if _turn(shared, p, q) == 0 and _dot(shared, p, q) > 0:  # it goes back on itself
                    return True
            elif _meet(a, b, c, d):
                return True
    return False


def _cut(polygon: list[Point], a: Point, b: Point, way: float) -> list[Point]:
    """What of `polygon` lies on the inner side of the line from `a` to `b`."""
    kept: list[Point] = []
    heights = [way * _turn(a, b, point) for point in polygon]
    for i, (point, height) in enumerate(zip(polygon, heights, strict=True)):
        before, was = polygon[i - 1], heights[i - 1]
        if (was < 0 < height) or (height < 0 < was):
            share = was / (was - height)
            kept.append((before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])))
        if height >= 0:
            kept.append(point)
    return kept


def _turn(a: Point, b: Point, c: Point) -> float:
    """Above 0 where the way from `a` over `b` to `c` turns to the right, as seen in a picture; 0 on a line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _dot(origin: Point, p: Point, q: Point) -> float:
    return (p[0] - origin[0]) * (q[0] - origin[0]) + (p[1] - origin[1]) * (q[1] - origin[1])


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether two segments have a point in common."""
    turns = [_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)]
    signs = [(turn > 0) - (turn < 0) for turn in turns]
    if signs[0] * signs[1] < 0 and signs[2] * signs[3] < 0:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(sign == 0 and _dot(point, p, q) <= 0 for sign, (p, q, point) in zip(signs, ends, strict=True))
