from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.data.geometry.transform import area, box_of, corners_of, cut, is_finite, scaled, smallest_box, turned
from yolo_tl.data.records import Annotation

SIZE = (60, 40)
TRIANGLE = (10.0, 5.0, 50.0, 8.0, 20.0, 30.0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_with_the_pixels(orientation: int) -> None:
    """What OpenCV shows where a block was painted before EXIF turned the image."""
    stored = np.zeros((40, 60), np.uint8)
    stored[10:15, 30:50] = 255
    turns = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.T,
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].T,
        8: np.rot90(stored),
    }
    shown = turns[orientation]
    ys, xs = np.nonzero(shown)
    expected = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    found = turned(Annotation("a", (30.0, 10.0, 50.0, 15.0), ""), orientation, SIZE)
    assert found.box == expected
    ring = turned(Annotation("a", None, "", parts=(corners_of((30, 10, 50, 15)),)), orientation, SIZE)
    assert box_of(ring) == (tuple(map(float, expected)), "polygon")


def test_turning_keeps_the_order_of_swapped_corners() -> None:
    assert turned(Annotation("a", (50.0, 10.0, 30.0, 15.0), ""), 6, SIZE).box == (25.0, 50.0, 30.0, 30.0)


def test_every_shape_is_scaled_and_unlabelled_keypoints_stay_zero() -> None:
    shares = Annotation(
        "a", (0.1, 0.2, 0.5, 0.5), "", parts=((0.1, 0.2, 0.5, 0.2, 0.5, 0.5),), holes=((0.2, 0.3, 0.3, 0.3, 0.3, 0.4),),
        corners=(0.1, 0.1, 0.2, 0.1, 0.2, 0.2, 0.1, 0.2), keypoints=(0.5, 0.5, 2.0, 0.7, 0.7, 0.0),
    )  # fmt: skip
    found = scaled(shares, (100, 200))
    assert found.box == pytest.approx((10, 40, 50, 100))
    assert found.parts[0] == pytest.approx((10, 40, 50, 40, 50, 100))
    assert found.holes[0] == pytest.approx((20, 60, 30, 60, 30, 80))
    assert found.corners == pytest.approx((10, 20, 20, 20, 20, 40, 10, 40))
    assert found.keypoints == (50, 100, 2, 0, 0, 0)


def test_not_finite_is_found_in_every_shape() -> None:
    for values in ({"box": (0, 0, math.nan, 1)}, {"parts": ((0, 0, 1, math.inf, 1, 1),)}, {"corners": (math.nan,) * 8}):
        assert not is_finite(Annotation(**{"name": "a", "box": None, "place": "", **values}))
    assert is_finite(Annotation("a", (0, 0, 1, 1), "", keypoints=(math.nan, math.nan, 0.0)))


def test_a_box_from_keypoints_uses_the_labelled_ones() -> None:
    assert box_of(Annotation("a", None, "", keypoints=(5, 6, 2, 0, 0, 0, 9, 8, 1))) == ((5, 6, 9, 8), "keypoints")
    assert box_of(Annotation("a", None, "")) is None


def raster(ring: tuple[float, ...], scale: int = 8) -> np.ndarray:
    canvas = np.zeros((SIZE[1] * 3 * scale, SIZE[0] * 3 * scale), np.uint8)
    points = (np.array(ring).reshape(-1, 2) + SIZE) * scale
    if len(ring) >= 6:
        cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], 1)
    return canvas


@given(st.lists(st.tuples(st.floats(-50, 110), st.floats(-35, 75)), min_size=3, max_size=9))
def test_cutting_a_polygon_keeps_what_lies_in_the_image(points: list[tuple[float, float]]) -> None:
    ring = tuple(value for point in points for value in point)
    inside = cut(ring, SIZE)
    assert all(-1e-9 <= value <= SIZE[i % 2] + 1e-9 for i, value in enumerate(inside))
    window = np.s_[SIZE[1] * 8 : SIZE[1] * 16, SIZE[0] * 8 : SIZE[0] * 16]
    differ = raster(ring)[window] ^ raster(inside)[window]
    # Only the outline, which `fillPoly` paints whole, may differ: nothing is left one pixel further in.
    core = cv2.erode(differ, np.ones((5, 5), np.uint8), borderValue=0)
    assert not core.any()


def test_area_and_smallest_box() -> None:
    assert area(TRIANGLE) == area(TRIANGLE[::-1]) == pytest.approx(485)
    diamond = (10.0, 0.0, 20.0, 10.0, 10.0, 20.0, 0.0, 10.0)
    assert area(smallest_box([diamond])) == pytest.approx(200, rel=1e-4)
