from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.data.scenes.outline import HALF, covered, traced


def filled(ring, width, height):
    """The pixels whose middle lies in a ring: the even-odd rule, independent of OpenCV."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    inside = np.zeros((height, width), bool)
    points = np.reshape(ring, (-1, 2))
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return inside


def covers(ring, x, y, samples=40):
    """The share of a pixel that lies in a ring."""
    shifted = (np.reshape(ring, (-1, 2)) - (x, y)) * samples
    return filled(shifted, samples, samples).mean()


def test_a_square_on_pixel_edges_is_its_own_outline():
    patch = covered(np.array([[3.0, 2], [7, 2], [7, 8], [3, 8]]), 12, 10)
    assert sorted(zip(patch.ring[::2], patch.ring[1::2], strict=True)) == [(3, 2), (3, 8), (7, 2), (7, 8)]
    assert patch.extent == (3, 2, 7, 8)
    assert patch.area == 24
    assert set(np.unique(patch.alpha)) <= {0, 255}


@pytest.mark.parametrize("share, pixels", [(0.3, 4), (0.7, 5)])
def test_a_pixel_belongs_to_it_from_half_coverage_on(share, pixels):
    patch = covered(np.array([[2.0, 2], [6 + share, 2], [6 + share, 3], [2, 3]]), 12, 10)
    assert patch.area == pixels


def test_coverage_is_the_area_inside():
    rng = np.random.default_rng(1)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    points = np.stack([10.3 + 7 * np.cos(angles), 9.6 + 6 * np.sin(angles)], axis=1)
    patch = covered(points, 20, 20)
    x1, y1, _, _ = patch.box
    for row, column in zip(*np.nonzero(cv2.dilate(patch.solid, np.ones((3, 3)))), strict=True):
        assert patch.alpha[row, column] / 255 == pytest.approx(covers(points, x1 + column, y1 + row), abs=0.13)


def test_what_is_outside_the_picture_or_of_no_size_is_none():
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    assert covered(square + 50, 20, 20) is None
    assert covered(square / 100 + 5, 20, 20) is None
    assert covered(square - 2, 20, 20).extent == (0, 0, 2, 2)


def test_it_ends_where_its_ground_ends():
    ground = np.zeros((20, 20), np.uint8)
    ground[:, :8] = 255
    patch = covered(np.array([[4.0, 4], [14, 4], [14, 9], [4, 9]]), 20, 20, ground)
    assert patch.extent == (4, 4, 8, 9)
    assert patch.alpha.sum() == 255 * 20


def require_exact(patch, width, height):
    """One piece without holes or pinches, whose ring holds its pixels and no other."""
    x1, y1, x2, y2 = patch.box
    pixels = np.zeros((height, width), bool)
    pixels[y1:y2, x1:x2] = patch.solid > 0
    assert np.array_equal(filled(patch.ring, width, height), pixels)
    corners = list(zip(patch.ring[::2], patch.ring[1::2], strict=True))
    assert len(corners) == len(set(corners)), "the ring touches itself"
    rows, columns = np.nonzero(pixels)
    assert patch.extent == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert patch.extent == (min(patch.ring[::2]), min(patch.ring[1::2]), max(patch.ring[::2]), max(patch.ring[1::2]))
    assert cv2.connectedComponents(patch.solid, connectivity=4)[0] == 2
    beside = cv2.dilate(patch.solid, np.ones((3, 3), np.uint8))
    assert not patch.alpha[beside == 0].any()
    assert np.array_equal(patch.alpha >= HALF, patch.solid > 0)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 40), st.floats(0.0, 0.9))
def test_a_ragged_outline_filled_again_is_its_pixels(seed, count, rough):
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius = 9 * (1 - rough * rng.random(count))
    points = np.stack([12 + radius * np.cos(angles), 11 + radius * np.sin(angles)], axis=1)
    patch = covered(points + rng.normal(0, 1, (count, 2)), 24, 22)
    if patch is not None:
        require_exact(patch, 24, 22)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.4, 0.95))
def test_on_ground_full_of_holes_it_is_one_piece_all_the_same(seed, share):
    ground = np.where(np.random.default_rng(seed).random((16, 18)) < share, 255, 0).astype(np.uint8)
    patch = covered(np.array([[1.0, 2], [17, 2], [17, 15], [1, 15]]), 18, 16, ground)
    require_exact(patch, 18, 16)


def test_an_outline_runs_clockwise_and_has_corners_only():
    solid = np.array([[0, 1, 1], [1, 1, 0]], np.uint8)
    assert traced(solid, (10, 20)) == (11, 20, 13, 20, 13, 21, 12, 21, 12, 22, 10, 22, 10, 21, 11, 21)
