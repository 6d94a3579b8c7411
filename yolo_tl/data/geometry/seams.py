"""An object of several polygons and holes as one ring, joined by seams of no width.

A label row holds one ring. A seam goes out and back along the same line, so that it encloses nothing:
the area stays what it was, whether a tool fills by the even-odd or by the non-zero rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.records import Ring

Points = NDArray[np.float64]
_FEW = 4
_BLOCK = 1 << 20  # distances worked out at a time


@dataclass
class _Node:
    """A ring, and by its vertex the rings that hang on it, each with the vertex it begins at."""

    points: Points
    hanging: dict[int, list[tuple[_Node, int]]] = field(default_factory=dict)


def bridge(parts: Sequence[Ring], holes: Sequence[Ring] = ()) -> Ring:
    """One ring that encloses the union of `parts` without `holes`.

    Each ring is joined at its vertex nearest to those that are joined already. Parts that overlap
    are united and holes are cut where Shapely is installed; without it they have to be apart, as
    those of annotation tools nearly always are, and a hole within its part.

    Args:
        parts: outer rings, three points or more each.
        holes: inner rings.

    Returns:
        The ring; a single part without holes as it is.
    """
    if len(parts) == 1 and not holes:
        return parts[0]
    outer, inner = [_points(ring) for ring in parts], [_points(ring) for ring in holes]
    if _may_overlap(outer, inner):
        outer, inner = _apart(outer, inner)
    elif len(outer) <= _FEW:
        return tuple(reduce(_pair, (_oriented(ring, 1) for ring in outer)).reshape(-1).tolist())
    root = _joined([*(_oriented(ring, 1) for ring in outer), *(_oriented(ring, -1) for ring in inner)])
    return tuple(np.concatenate(list(_walk(root))).reshape(-1).tolist())


def _pair(a: Points, b: Points) -> Points:
    """Two rings joined at their nearest vertices: for few parts this takes a fifth of the time of the tree."""
    squared = (a[:, :1] - b[:, 0]) ** 2 + (a[:, 1:] - b[:, 1]) ** 2
    i, j = divmod(int(squared.argmin()), len(b))
    return np.concatenate([a[: i + 1], b[j:], b[: j + 1], a[i:]])


def _points(ring: Ring) -> Points:
    return np.array(ring, np.float64).reshape(-1, 2)


def _oriented(ring: Points, sign: int) -> Points:
    x, y = ring.T
    area = x[:-1] @ y[1:] - y[:-1] @ x[1:] + x[-1] * y[0] - y[-1] * x[0]
    return ring[::-1] if area * sign < 0 else ring


def _may_overlap(outer: Sequence[Points], inner: Sequence[Points]) -> bool:
    """Whether two parts, or two holes, or a hole and what is not its part, might share area: by their extents."""
    if inner:
        return True
    if len(outer) == 2:
        a, b = outer
        apart = (a.max(axis=0) <= b.min(axis=0)) | (b.max(axis=0) <= a.min(axis=0))
        return not bool(apart.any())
    low = np.array([ring.min(axis=0) for ring in outer])
    high = np.array([ring.max(axis=0) for ring in outer])
    meets = ((low[:, None] < high) & (low < high[:, None])).all(axis=2)
    return int(meets.sum()) > len(outer)


def _apart(outer: list[Points], inner: list[Points]) -> tuple[list[Points], list[Points]]:
    """The rings of the union of `outer` without `inner`; as they are where Shapely is not installed."""
    try:
        import shapely
    except ImportError:
        return outer, inner
    shape = shapely.union_all([shapely.make_valid(shapely.Polygon(ring)) for ring in outer])
    if inner:
        cut = shapely.union_all([shapely.make_valid(shapely.Polygon(ring)) for ring in inner])
        shape = shapely.difference(shape, cut)
    # What is made valid may hold points and lines, and multipolygons beside polygons.
    pieces = shapely.get_parts(shapely.get_parts(shape))
    areas = [piece for piece in pieces if piece.geom_type == "Polygon" and not piece.is_empty]
    if not areas:
        return outer, inner
    exteriors = [shapely.get_coordinates(part.exterior)[:-1] for part in areas]
    return exteriors, [shapely.get_coordinates(ring)[:-1] for part in areas for ring in part.interiors]


def _joined(rings: Sequence[Points]) -> _Node:
    """A tree over the rings, in which each hangs by its shortest seam (Prim's algorithm)."""
    nodes = [_Node(ring) for ring in rings]
    starts = np.cumsum([0, *map(len, rings)])
    everything = np.concatenate(rings)
    shortest = np.full(len(rings), np.inf)
    seams = [(0, 0, 0)] * len(rings)  # the ring it hangs on, the vertex there, the vertex here
    newest, waiting = 0, np.ones(len(rings), bool)
    for _ in rings[1:]:
        waiting[newest] = False
        distances, vertices = _nearest(everything, rings[newest])
        closest = np.minimum.reduceat(distances, starts[:-1])
        for i in np.flatnonzero(waiting & (closest < shortest)):
            here = int(distances[starts[i] : starts[i + 1]].argmin())
            shortest[i] = closest[i]
            seams[i] = newest, int(vertices[starts[i] + here]), here
        newest = int(np.where(waiting, shortest, np.inf).argmin())
        parent, there, here = seams[newest]
        nodes[parent].hanging.setdefault(there, []).append((nodes[newest], here))
    return nodes[0]


def _nearest(points: Points, ring: Points) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Of each point: the squared distance to the nearest vertex of a ring, and which that is."""
    distances, vertices = np.empty(len(points)), np.empty(len(points), np.intp)
    rows = max(1, _BLOCK // len(ring))
    for start in range(0, len(points), rows):
        block = points[start : start + rows]
        squared = (block[:, :1] - ring[:, 0]) ** 2 + (block[:, 1:] - ring[:, 1]) ** 2
        vertices[start : start + rows] = squared.argmin(axis=1)
        distances[start : start + rows] = squared.min(axis=1)
    return distances, vertices


def _walk(root: _Node) -> Iterator[Points]:
    """The points of the joined ring: around each ring, out to those that hang on it, and back."""
    stack = [_steps(root, 0, closed=False)]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
        elif isinstance(step, tuple):
            stack.append(_steps(*step, closed=True))
        else:
            yield step


def _steps(node: _Node, start: int, *, closed: bool) -> Iterator[Points | tuple[_Node, int]]:
    """The points of one ring from vertex `start`, interrupted by the rings that hang on it."""
    count = len(node.points)
    turned = np.roll(node.points, -start, axis=0)
    done = 0
    for vertex in sorted(node.hanging, key=lambda i: (i - start) % count):
        here = (vertex - start) % count
        yield turned[done : here + 1]
        for child in node.hanging[vertex]:
            yield child
            yield turned[here : here + 1]  # back at the seam
        done = here + 1
    yield turned[done:]
    if closed:
        yield turned[:1]
