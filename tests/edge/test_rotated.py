from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.edge.rotated import probiou, rotated_nms


def boxes(seed: int, count: int, *, size: float = 640, classes: int = 1) -> np.ndarray:
    """Turned boxes by centre, their classes moved apart as for one NMS of all."""
    rng = np.random.default_rng(seed)
    sides = rng.uniform(size / 40, size / 4, (count, 2))
    rows = np.hstack([rng.uniform(0, size, (count, 2)), sides, rng.uniform(-6, 6, (count, 1))]).astype(np.float32)
    rows[:, :2] += rng.integers(0, classes, (count, 1)).astype(np.float32) * 7680
    return rows


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.sampled_from([1, 5, 60, 300]),
    iou=st.sampled_from([0.1, 0.45, 0.7]),
    limit=st.sampled_from([4, 300]),
    classes=st.sampled_from([1, 12]),
)
def test_the_same_boxes_stay_as_with_the_peer(
    ultralytics: ModuleType, seed: int, count: int, iou: float, limit: int, classes: int
) -> None:
    import torch
    from ultralytics.utils.metrics import batch_probiou
    from ultralytics.utils.nms import TorchNMS

    rows = boxes(seed, count, classes=classes)
    scores = np.random.default_rng(seed + 1).permutation(count).astype(np.float32) / count
    tensor = torch.from_numpy(rows)
    overlap = batch_probiou(tensor, tensor)
    if ((overlap - iou).abs() < 1e-5).any():  # there the two libraries' cosine decides
        return
    expected = TorchNMS.fast_nms(tensor, torch.from_numpy(scores), iou, iou_func=batch_probiou)[:limit]
    np.testing.assert_array_equal(rotated_nms(rows, scores, iou=iou, limit=limit), expected.numpy())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_similarity_is_the_peers_within_rounding(ultralytics: ModuleType, seed: int) -> None:
    import torch
    from ultralytics.utils.metrics import batch_probiou

    a, b = boxes(seed, 20), boxes(seed + 1, 30)
    expected = batch_probiou(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    found = probiou(a, b)
    assert found.dtype == np.float32
    assert found.shape == (20, 30)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_many_boxes_are_judged_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, scores = boxes(0, 200), np.random.default_rng(1).random(200).astype(np.float32)
    at_once = rotated_nms(rows, scores, iou=0.2, limit=300)
    monkeypatch.setattr("yolo_tl.edge.rotated._AT_ONCE", 7)
    assert 5 < len(at_once) < 200
    np.testing.assert_array_equal(rotated_nms(rows, scores, iou=0.2, limit=300), at_once)
    np.testing.assert_array_equal(rotated_nms(rows, scores, iou=0.2, limit=3), at_once[:3])


def test_a_box_also_goes_for_one_that_goes_itself() -> None:
    """Fast NMS, unlike the greedy one: the third overlaps the second, which the first removes."""
    row = [0.0, 50, 20, 10, 0.3]
    chain = np.array([[50 + 8 * i, *row[1:]] for i in range(3)], np.float32)
    overlap = probiou(chain, chain)
    iou = float(overlap[0, 2] + overlap[0, 1]) / 2
    assert overlap[0, 2] < iou < overlap[0, 1]
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    assert rotated_nms(chain, scores, iou=iou, limit=9).tolist() == [0]


def test_turning_by_a_half_changes_nothing() -> None:
    rows = boxes(4, 30)
    turned = rows + np.array([0, 0, 0, 0, np.pi], np.float32)
    np.testing.assert_allclose(probiou(rows, rows), probiou(rows, turned), atol=1e-3)


def test_no_box_and_broken_boxes() -> None:
    assert rotated_nms(np.zeros((0, 5), np.float32), np.zeros(0, np.float32), iou=0.5, limit=9).tolist() == []
    broken = np.full((3, 5), np.nan, np.float32)
    assert rotated_nms(broken, np.array([0.1, 0.3, 0.2], np.float32), iou=0.5, limit=9).tolist() == [1, 2, 0]
