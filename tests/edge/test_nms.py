from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.boxes import iou_matrix
from yolo_tl.edge.nms import nms


def random_boxes(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Crowded boxes with many equal scores, some of them turned inside out or empty."""
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 60, (count, 2)), rng.uniform(-3, 40, (count, 2))
    size[rng.random(count) < 0.05] = 0
    boxes = np.concatenate([corner, corner + size], 1) + 7680 * rng.integers(0, 80, (count, 1))
    scores = np.where(rng.random(count) < 0.3, rng.integers(1, 4, count) / 4, rng.random(count))
    return boxes.astype(np.float32), scores.astype(np.float32)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 300), iou=st.floats(0, 1))
def test_equals_torchvision_ties_and_empty_boxes_included(seed: int, count: int, iou: float) -> None:
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    boxes, scores = random_boxes(seed, count)
    theirs = torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), iou).numpy()
    np.testing.assert_array_equal(nms(boxes, scores, iou=iou, limit=count + 1), theirs)
    np.testing.assert_array_equal(nms(boxes, scores, iou=iou, limit=5), theirs[:5])


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), iou=st.floats(0.05, 0.95))
def test_what_stays_does_not_overlap_and_what_goes_does(seed: int, iou: float) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 30, (80, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 30, (80, 2))], 1).astype(np.float32)
    scores = rng.random(80).astype(np.float32)
    kept = nms(boxes, scores, iou=iou, limit=80)
    overlap = iou_matrix(boxes, boxes)
    assert (np.diff(scores[kept]) <= 0).all()
    assert (np.triu(overlap[np.ix_(kept, kept)], 1) <= iou + 1e-5).all()
    for gone in set(range(80)) - set(kept.tolist()):
        assert (overlap[gone, kept][scores[kept] >= scores[gone]] > iou - 1e-5).any()


def test_the_threshold_is_compared_in_double_precision() -> None:
    # The overlap is exactly float32(0.7), which lies below 0.7: torchvision keeps both.
    boxes = np.array([[0, 0, 10, 1], [0, 0, 7, 1]], np.float32)
    assert float(np.float32(0.7)) < 0.7
    assert nms(boxes, np.array([0.9, 0.8], np.float32), iou=0.7, limit=9).tolist() == [0, 1]
    assert nms(boxes, np.array([0.9, 0.8], np.float32), iou=float(np.float32(0.7)) - 1e-9, limit=9).tolist() == [0]
