"""Pairs of detections, and how far they are apart, of every task."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.edge.pairing import distances, paired
from yolo_tl.exporting.gate.matching import Matched, matched


def found(boxes, scores=None, classes=None, **more) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores if scores is not None else [0.9] * count, np.float32),
        np.array(classes if classes is not None else [0] * count, np.int64),
        **more,
    )


def apart(a: Detections, b: Detections, **options) -> Matched:
    return matched(
        a, b, **{"limits": np.array([0.25, 0.25]), "certain": 0.001, "gain": 1.0, "image": "x.png", **options}
    )


@given(st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_a_shuffled_set_matches_itself(count, seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 500, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 50, (count, 2))], 1).astype(np.float32)
    one = found(boxes, rng.uniform(0, 1, count), rng.integers(0, 2, count))
    order = rng.permutation(count)
    pairs = paired(one, one[order])
    assert len(pairs) == count
    np.testing.assert_array_equal(one.xyxy[pairs[:, 0]], one[order].xyxy[pairs[:, 1]])
    assert apart(one, one[order]) == Matched(detections=count)


def test_boxes_in_one_place_go_by_their_scores():
    box = [0, 0, 20, 20]
    result = apart(found([box, box], [0.9, 0.3]), found([box, box], [0.3, 0.9]))
    assert (result.score, result.unmatched) == (0, 0)


@pytest.mark.parametrize(
    ("other", "unmatched"),
    [
        (found([[5, 0, 25, 20]]), 0),
        (found([[11, 0, 31, 20]]), 2),
        (found([[0, 0, 20, 20]], classes=[1]), 2),
        (found([]), 1),
        (found([[0, 0, 20, 20], [40, 40, 60, 60]], [0.9, 0.2505]), 0),
        (found([[0, 0, 20, 20], [40, 40, 60, 60]], [0.9, 0.2515]), 1),
    ],
)
def test_what_only_one_has(other, unmatched):
    result = apart(found([[0, 0, 20, 20]]), other)
    assert result.unmatched == unmatched
    assert result.differing == (("x.png",) if unmatched else ())


def test_lengths_are_px_of_the_network_input():
    assert apart(found([[0, 0, 20, 20]]), found([[2, 0, 20, 20]]), gain=0.25).box == pytest.approx(0.5)


def test_an_oriented_box_may_start_at_any_corner():
    """Sides exchanged and a quarter turn more is the same shape; so is half a turn."""
    boxes = [[10, 20, 50, 30]]
    upright = [[25, 5, 35, 45]]
    first = found(boxes, angle=np.float32([0.3]))
    for same in (
        found(boxes, angle=np.float32([0.3 + np.pi])),
        found(upright, angle=np.float32([0.3 + np.pi / 2])),
        found(upright, angle=np.float32([0.3 - np.pi / 2])),
    ):
        assert distances(first, same)[0, 0] < 1e-4
    turned = apart(first, found(boxes, angle=np.float32([0.31])))
    assert turned.angle == pytest.approx(0.01, rel=1e-4)
    assert 0.15 < turned.box <= 0.21  # half the diagonal of 40 by 10 px, times the angle


def test_keypoints_and_what_is_seen_of_them():
    points = np.float32([[[5, 5, 0.9], [9, 9, 0.8]]])
    first = found([[0, 0, 20, 20]], keypoints=points)
    moved = points + np.float32([[[0, 0, 0], [0, 3, -0.1]]])
    result = apart(first, found([[0, 0, 20, 20]], keypoints=moved), gain=0.5)
    assert result.keypoint == pytest.approx(1.5)
    assert result.score == pytest.approx(0.1, rel=1e-4)
    assert apart(found([[0, 0, 20, 20]]), found([[0, 0, 20, 20]])).keypoint is None


def test_a_pixel_of_a_mask_may_be_rounding():
    mask = np.zeros((1, 20, 20), bool)
    mask[0, 5:15, 5:15] = True
    first = found([[5, 5, 15, 15]], masks=mask)
    for pixels, loss in ((0, 0.0), (1, 0.0), (11, 0.1)):
        other = mask.copy()
        other[0].reshape(-1)[np.flatnonzero(mask[0])[:pixels]] = False
        assert apart(first, found([[5, 5, 15, 15]], masks=other)).mask == pytest.approx(loss)
    assert apart(first, first).mask == 0.0


def test_largest_differences_add_up_over_images():
    a = Matched(2, 0, 0.5, 0.1, None, None, 0.2)
    b = Matched(3, 1, 0.1, 0.3, 4.0, None, None, ("b",))
    assert a | b == Matched(5, 1, 0.5, 0.3, 4.0, None, 0.2, ("b",))
