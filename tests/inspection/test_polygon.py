"""Points and boxes in polygons, against Shapely."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from yolo_tl.inspection.polygon import Outline, covered, crosses_itself, signed_area

shapely = pytest.importorskip("shapely")

whole = st.integers(-12, 12)
points = st.tuples(whole, whole)
loops = st.lists(points, min_size=3, max_size=8, unique=True)


@st.composite
def stars(draw):
    """Polygons with arms and notches, of quarter px, around any point."""
    count = draw(st.integers(3, 9))
    radii = draw(st.lists(st.integers(1, 40), min_size=count, max_size=count))
    x, y = draw(points)
    turns = [2 * math.pi * i / count for i in range(count)]
    corners = [
        (x + round(r * math.cos(turn)) / 4, y + round(r * math.sin(turn)) / 4)
        for r, turn in zip(radii, turns, strict=True)
    ]
    assume(len(set(corners)) == count and not crosses_itself(corners) and signed_area(corners))
    return corners if draw(st.booleans()) else corners[::-1]


@given(stars(), st.lists(st.tuples(whole, whole), min_size=1, max_size=30))
@settings(max_examples=150, deadline=None)
def test_points_lie_where_shapely_says(corners, places):
    region = shapely.Polygon(corners)
    expected = [region.covers(shapely.Point(place)) for place in [*places, *corners]]
    assert Outline(corners).contains([*places, *corners]).tolist() == expected


@given(stars(), points, st.integers(1, 20), st.integers(1, 20), st.floats(0, math.pi))
@settings(max_examples=150, deadline=None)
def test_as_much_of_a_turned_box_is_covered_as_shapely_says(corners, centre, width, height, turn):
    along, across = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])
    box = [
        tuple(np.array(centre) + a * width / 2 * along + b * height / 2 * across)
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    expected = shapely.Polygon(corners).intersection(shapely.Polygon(box)).area / (width * height)
    assert covered(corners, box) == pytest.approx(expected, abs=1e-9)
    assert covered(corners, box[::-1]) == pytest.approx(expected, abs=1e-9)


@given(loops)
@settings(max_examples=300, deadline=None)
def test_an_outline_crosses_itself_where_shapely_says(corners):
    assert crosses_itself(corners) == (not shapely.LinearRing(corners).is_simple)


def test_the_notch_of_a_concave_polygon_is_outside():
    notched = [(0, 0), (8, 0), (8, 8), (4, 2), (0, 8)]
    assert Outline(notched).contains([(4, 1), (4, 4), (1, 5), (4, 2)]).tolist() == [True, False, True, True]


def test_no_point_is_no_trouble_and_a_box_without_area_covers_nothing():
    assert Outline([(0, 0), (1, 0), (0, 1)]).contains(np.zeros((0, 2))).shape == (0,)
    assert covered([(0, 0), (4, 0), (0, 4)], [(1, 1), (1, 1), (1, 2), (1, 2)]) == 0
