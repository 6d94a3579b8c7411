from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from yolo_tl.boxes import (
    Detections,
    area,
    clip_xyxy,
    iou_matrix,
    rotated_corners,
    run_lengths,
    xywh_to_xyxy,
    xyxy_to_xywh,
)

boxes = hnp.arrays(np.float32, st.tuples(st.integers(0, 8), st.just(4)), elements=st.floats(0, 640, width=32)).map(
    lambda b: np.concatenate([np.minimum(b[:, :2], b[:, 2:]), np.maximum(b[:, :2], b[:, 2:])], 1)
)


@given(boxes)
def test_centres_and_corners_are_inverse(b):
    np.testing.assert_allclose(xywh_to_xyxy(xyxy_to_xywh(b)), b, atol=1e-3)


@given(boxes, boxes)
def test_iou_is_symmetric_bounded_and_one_on_itself(a, b):
    iou = iou_matrix(a, b)
    assert iou.shape == (len(a), len(b))
    assert ((iou >= 0) & (iou <= 1)).all()
    np.testing.assert_allclose(iou, iou_matrix(b, a).T, rtol=1e-6)
    own = np.diag(iou_matrix(a, a))
    np.testing.assert_allclose(own[area(a) > 1], 1, atol=1e-5)


@given(boxes)
def test_clipped_boxes_lie_inside_and_clipping_again_changes_nothing(b):
    inside = clip_xyxy(b, width=100, height=50)
    assert (inside >= 0).all()
    assert (inside[:, 0::2] <= 100).all()
    assert (inside[:, 1::2] <= 50).all()
    np.testing.assert_array_equal(clip_xyxy(inside, width=100, height=50), inside)


def test_iou_equals_torchvision(ultralytics):
    torch = pytest.importorskip("torch")
    from torchvision.ops import box_iou

    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 100, (2, 50, 2, 2)).astype(np.float32), axis=2).reshape(2, 50, 4)
    theirs = box_iou(torch.from_numpy(corners[0]), torch.from_numpy(corners[1])).numpy()
    np.testing.assert_allclose(iou_matrix(*corners), theirs, atol=1e-6)


def test_detections_check_their_shapes():
    with pytest.raises(ValueError, match=r"expected shape \(N, 4\)"):
        Detections(np.zeros((2, 5), np.float32), np.zeros(2, np.float32), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="confidence: expected 2 entries"):
        Detections(np.zeros((2, 4), np.float32), np.zeros(3, np.float32), np.zeros(2, np.int64))


def test_detections_are_picked_alike_in_every_field():
    found = Detections(
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.array([0.9, 0.8, 0.7], np.float32),
        np.array([2, 0, 1]),
        polygons=[np.full((3, 2), i, np.float32) for i in range(3)],
        angle=np.array([0.1, 0.2, 0.3], np.float32),
    )
    some = found[found.confidence < 0.85]
    assert len(some) == 2
    assert some.class_id.tolist() == [0, 1]
    assert [int(p[0, 0]) for p in some.polygons] == [1, 2]
    assert some.masks is None
    assert [len(one) for one in found] == [1, 1, 1]
    assert len(Detections.empty()) == 0


def test_from_ultralytics_needs_its_shape_only():
    class Tensor:
        def cpu(self):
            return self

        def numpy(self):
            return np.array([[1, 2, 3, 4, 0.5, 1]], np.float32)

    found = Detections.from_ultralytics(SimpleNamespace(boxes=SimpleNamespace(data=Tensor())))
    assert found.to_rows(["a", "b"]) == [{"box": [1, 2, 3, 4], "confidence": 0.5, "class_id": 1, "name": "b"}]


def test_rotated_corners_are_the_peers(ultralytics):
    import torch
    from ultralytics.utils.ops import xywhr2xyxyxyxy

    rng = np.random.default_rng(0)
    centres = np.hstack([rng.uniform(0, 99, (50, 2)), rng.uniform(1, 50, (50, 2)), rng.uniform(-9, 9, (50, 1))])
    expected = xywhr2xyxyxyxy(torch.from_numpy(centres)).numpy()
    np.testing.assert_allclose(rotated_corners(xywh_to_xyxy(centres[:, :4]), centres[:, 4]), expected, atol=1e-9)


def test_corners_of_upright_and_turned_boxes():
    upright = Detections.from_rows([[0, 0, 4, 2, 0.9, 0]])
    assert upright.corners.tolist() == [[[4, 2], [4, 0], [0, 0], [0, 2]]]
    turned = replace(upright, angle=np.array([np.pi / 2], np.float32))
    np.testing.assert_allclose(turned.corners, [[[1, 3], [3, 3], [3, -1], [1, -1]]], atol=1e-6)
    assert replace(Detections.empty(), angle=np.zeros(0, np.float32)).corners.shape == (0, 4, 2)


@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.0, 0.4, 1.0]))
def test_run_lengths_are_those_of_coco(seed, height, width, share):
    mask_api = pytest.importorskip("pycocotools.mask")
    mask = np.random.default_rng(seed).random((height, width)) < share
    lengths = run_lengths(mask)
    assert sum(lengths) == mask.size
    encoded = mask_api.frPyObjects({"size": [height, width], "counts": lengths}, height, width)
    np.testing.assert_array_equal(mask_api.decode(encoded), mask)


def test_rows_hold_what_a_task_adds():
    found = Detections(
        np.array([[0, 0, 4, 2]], np.float32),
        np.array([0.5], np.float32),
        np.array([1]),
        masks=np.array([[[False, True], [True, True]]]),
        polygons=[np.array([[1, 2], [3, 4], [5, 6]], np.float32)],
        keypoints=np.array([[[1, 2, 0.5]]], np.float32),
        angle=np.array([0], np.float32),
    )
    (row,) = found.to_rows(["a", "b"])
    assert row == {
        "box": [0, 0, 4, 2],
        "confidence": 0.5,
        "class_id": 1,
        "name": "b",
        "angle": 0,
        "corners": [[4, 2], [4, 0], [0, 0], [0, 2]],
        "keypoints": [[1, 2, 0.5]],
        "polygon": [[1, 2], [3, 4], [5, 6]],
        "mask": {"size": [2, 2], "counts": [1, 3]},
    }
    assert json.loads(json.dumps(row)) == row
