from __future__ import annotations

import math
import time

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.data.geometry.seams import bridge
from yolo_tl.data.records import Ring

SIDE = 120


def rectangle(x1: float, y1: float, x2: float, y2: float) -> Ring:
    return (x1, y1, x2, y1, x2, y2, x1, y2)


def area(ring: Ring) -> float:
    """Signed; seams enclose nothing."""
    points = np.array(ring).reshape(-1, 2)
    x, y = points.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def winding(ring: Ring, points: np.ndarray) -> np.ndarray:
    """How often a ring goes around each point: the non-zero rule fills where that is not 0, the even-odd where odd."""
    a = np.array(ring).reshape(-1, 2)
    b = np.roll(a, -1, axis=0)
    x, y = points[:, :1], points[:, 1:]
    cross = (b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (x - a[:, 0]) * (b[:, 1] - a[:, 1])
    up = (a[:, 1] <= y) & (b[:, 1] > y) & (cross > 0)
    down = (a[:, 1] > y) & (b[:, 1] <= y) & (cross < 0)
    return np.asarray(up.sum(axis=1) - down.sum(axis=1))


# Off the grid of whole and half numbers on which the rings lie, so that no point lies on an edge or a seam.
GRID = np.stack(np.meshgrid(np.arange(SIDE) + 0.318309, np.arange(SIDE) + 0.271828), axis=-1).reshape(-1, 2)


@st.composite
def stars(draw: st.DrawFn, cx: float, cy: float, radius: float) -> Ring:
    """A ring around a centre, seen whole from there; either way around."""
    count = draw(st.integers(3, 9))
    angles = [2 * math.pi * (i + draw(st.floats(0, 0.8))) / count for i in range(count)]
    radii = [radius * draw(st.floats(0.5, 1)) for _ in range(count)]
    points = [
        (round(cx + r * math.cos(t), 1), round(cy + r * math.sin(t), 1)) for t, r in zip(angles, radii, strict=True)
    ]
    return tuple(value for point in (points if draw(st.booleans()) else points[::-1]) for value in point)


@st.composite
def objects(draw: st.DrawFn) -> tuple[list[Ring], list[Ring]]:
    """Parts that are apart, some with a hole in the middle."""
    parts, holes = [], []
    for cx, cy in draw(
        st.lists(st.sampled_from([(20, 20), (60, 20), (100, 20), (20, 70), (90, 80)]), min_size=1, unique=True)
    ):
        parts.append(draw(stars(cx, cy, 19)))
        if draw(st.booleans()):
            holes.append(draw(stars(cx, cy, 4)))
    return parts, holes


@given(objects())
def test_the_area_stays_what_it_was(shape: tuple[list[Ring], list[Ring]]) -> None:
    parts, holes = shape
    inside = np.any([winding(ring, GRID) != 0 for ring in parts], axis=0)
    for ring in holes:
        inside &= winding(ring, GRID) == 0
    found = winding(bridge(parts, holes), GRID)
    np.testing.assert_array_equal(found != 0, inside)  # the non-zero rule
    np.testing.assert_array_equal(found % 2 == 1, inside)  # the even-odd rule


@given(objects())
def test_as_pixels_it_differs_by_seams_only(shape: tuple[list[Ring], list[Ring]]) -> None:
    parts, holes = shape

    def filled(rings: list[Ring]) -> np.ndarray:
        mask = np.zeros((SIDE, SIDE), np.uint8)
        return cv2.fillPoly(mask, [np.array(ring).reshape(-1, 2).round().astype(np.int32) for ring in rings], 1)

    differ = (filled(parts) & (1 - filled(holes))) ^ filled([bridge(parts, holes)])
    # Outlines are drawn, a pixel to either side, and acute corners are all outline.
    assert not cv2.erode(differ, np.ones((4, 4), np.uint8)).any(), "more than lines"


def test_a_single_part_is_returned_as_it_is() -> None:
    ring = (5.0, 5.0, 1.0, 5.0, 1.0, 1.0)
    assert bridge([ring]) is ring


def test_a_seam_goes_out_and_back() -> None:
    ring = bridge([rectangle(0, 0, 10, 10), rectangle(20, 0, 30, 10)])
    assert area(ring) == pytest.approx(200)
    points = list(zip(ring[::2], ring[1::2], strict=True))
    steps = list(zip(points, points[1:] + points[:1], strict=True))
    seams = [(a, b) for a, b in steps if abs(a[0] - b[0]) == 10 and {a[0], b[0]} == {10, 20}]
    assert len(seams) == 2
    assert seams[0] == seams[1][::-1]
    assert len(points) == 4 + 4 + 2


def test_holes_are_cut_out() -> None:
    ring = bridge([rectangle(0, 0, 100, 100)], [rectangle(10, 10, 20, 20), rectangle(50, 50, 80, 80)])
    assert area(ring) == pytest.approx(10_000 - 100 - 900)


@pytest.mark.parametrize(
    ("parts", "holes", "expected"),
    [
        ([rectangle(0, 0, 10, 10), rectangle(5, 0, 15, 10)], [], 150),
        ([rectangle(0, 0, 10, 10), rectangle(2, 2, 5, 5)], [], 100),
        ([rectangle(0, 0, 10, 10), rectangle(0, 0, 10, 10)], [], 100),
        ([rectangle(0, 0, 10, 10)], [rectangle(5, 5, 15, 15)], 75),
        ([rectangle(0, 0, 10, 10)], [rectangle(50, 50, 60, 60)], 100),
        ([rectangle(0, 0, 10, 10)], [rectangle(2, 2, 6, 6), rectangle(4, 4, 8, 8)], 100 - 28),
        ([(0, 0, 10, 10, 10, 0, 0, 10), rectangle(5, 0, 15, 10)], [], 125),  # a bow tie
        ([rectangle(0, 0, 10, 10), (12, 0, 14, 0, 13, 0)], [], 100),  # a part without area
    ],
)
def test_rings_that_overlap_are_united_first(parts: list[Ring], holes: list[Ring], expected: float) -> None:
    pytest.importorskip("shapely")
    assert abs(area(bridge(parts, holes))) == pytest.approx(expected)


def test_what_holes_leave_nothing_of_is_still_a_ring() -> None:
    ring = bridge([rectangle(2, 2, 5, 5)], [rectangle(0, 0, 10, 10)])
    assert {2.0, 5.0} < set(ring)


def test_thousands_of_points_take_no_time() -> None:
    def circle(cx: float, cy: float, radius: float, count: int) -> Ring:
        angles = np.linspace(0, 2 * math.pi, count, endpoint=False)
        return tuple(
            np.stack([cx + radius * np.cos(angles), cy + radius * np.sin(angles)], axis=1).reshape(-1).tolist()
        )

    parts = [circle(100 * (i % 20), 100 * (i // 20), 40, 30) for i in range(200)]
    started = time.process_time()
    ring = bridge([circle(-5000, 0, 3000, 4000), *parts], [circle(-5000, 0, 100, 2000)])
    assert time.process_time() - started < 5
    assert area(ring) == pytest.approx(math.pi * (3000**2 - 100**2 + 200 * 40**2), rel=0.01)
