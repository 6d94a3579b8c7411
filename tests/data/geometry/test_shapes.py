from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.data.geometry.shapes import ellipse, extent, ring, rotated

COORDINATE = st.floats(-1000, 1000)
RADIUS = st.floats(0, 1000)
ANGLE = st.floats(-720, 720)


@given(COORDINATE, COORDINATE, RADIUS, RADIUS, ANGLE)
def test_the_extent_of_an_ellipse_is_that_of_the_formula(
    cx: float, cy: float, rx: float, ry: float, turn: float
) -> None:
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    half = math.hypot(rx * cos, ry * sin), math.hypot(rx * sin, ry * cos)
    expected = (cx - half[0], cy - half[1], cx + half[0], cy + half[1])
    assert extent(ellipse(cx, cy, rx, ry, turn)) == pytest.approx(expected, abs=1e-6)


def test_every_point_of_an_ellipse_lies_on_it() -> None:
    points = ellipse(10, 20, 30, 5, 40)
    cos, sin = math.cos(math.radians(40)), math.sin(math.radians(40))
    assert len(points) == 128
    for x, y in zip(points[::2], points[1::2], strict=True):
        u, v = (x - 10) * cos + (y - 20) * sin, (y - 20) * cos - (x - 10) * sin
        assert (u / 30) ** 2 + (v / 5) ** 2 == pytest.approx(1)


def test_a_positive_angle_turns_clockwise_on_the_screen() -> None:
    # The upper left corner of a wide box goes up and to the right.
    assert rotated(0, 0, 4, 2, 90)[:2] == (3, -1)
    assert rotated(0, 0, 4, 2, 90, about=(0, 0)) == (0, 0, 0, 4, -2, 4, -2, 0)
    far = max(zip(*[iter(ellipse(0, 0, 10, 1, 30))] * 2, strict=True))
    assert far == pytest.approx((8.66, 5.0), abs=0.1)


@given(COORDINATE, COORDINATE, RADIUS, RADIUS, ANGLE)
def test_a_turned_box_keeps_its_sides_and_centre(x: float, y: float, width: float, height: float, turn: float) -> None:
    corners = rotated(x, y, x + width, y + height, turn)
    assert sum(corners[::2]) / 4 == pytest.approx(x + width / 2, abs=1e-6)
    assert math.dist(corners[:2], corners[2:4]) == pytest.approx(width, abs=1e-6)
    assert math.dist(corners[2:4], corners[4:6]) == pytest.approx(height, abs=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e308])
def test_numbers_that_are_not_finite_come_out_as_such(bad: float) -> None:
    for shape in (
        ellipse(bad, 0, 1, 1),
        ellipse(0, 0, bad, 1, 30),
        ellipse(0, 0, 1, 1, bad),
        rotated(0, 0, bad, 1, 30),
        rotated(0, 0, 1, 1, bad),
        rotated(0, 0, 1, 1, 30, (bad, bad)),
    ):
        assert len(extent(shape)) == 4
    assert all(map(math.isnan, extent((0, 0, math.nan, 1, 5, 5))))
    assert all(map(math.isnan, extent((0, 0, math.inf, 1, 5, 5))))


def test_extent_wants_points() -> None:
    with pytest.raises(ValueError, match="expected points"):
        extent(())


def test_a_ring_does_not_repeat_its_first_point() -> None:
    assert ring([(0, 0), (4, 0), (0, 4), (0, 0)]) == ring([(0, 0), (4, 0), (0, 4)])
    assert ring([(0, 0), (4, 0), (0, 0)]) == (0, 0, 4, 0, 0, 0)
