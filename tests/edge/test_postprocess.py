from __future__ import annotations

import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.edge import Classification
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.network import NetworkInfo, Task
from yolo_tl.edge.postprocess import postprocess
from yolo_tl.edge.preprocess import Geometry
from yolo_tl.errors import RuntimeFailure

FRAME = Geometry(image=(32, 64), canvas=(64, 64))  # a gain of 1, between 16 px of padding above and below


def info(task: Task, **more: object) -> NetworkInfo:
    return NetworkInfo(task, ("a", "b"), "nms-free", (64, 64), **more)  # type: ignore[arg-type]


def found(task: Task, rows: list[list[float]], *more: np.ndarray, **options: object) -> Detections:
    outputs = (np.array(rows, np.float32), *more)
    result = postprocess(outputs, FRAME, info(task, **options), thresholds=Thresholds())
    assert isinstance(result, Detections)
    return result


def test_a_box_whose_mask_is_empty_is_no_object() -> None:
    """As with Ultralytics: what counts is the mask on the canvas, also where the padding hides it all."""
    prototypes = np.ones((1, 16, 16), np.float32)
    rows = [[8, 24, 16, 32, 0.9, 0, 1], [8, 24, 16, 32, 0.8, 1, -1], [8, 2, 16, 10, 0.7, 1, 1]]
    some = found("segment", rows, prototypes)
    assert some.confidence.tolist() == pytest.approx([0.9, 0.7])
    assert some.masks is not None
    assert some.masks.shape == (2, 32, 64)
    assert [int(mask.sum()) for mask in some.masks] == [64, 0]
    assert some.masks[0, 8:16, 8:16].all()
    nothing = found("segment", rows[1:2], prototypes)
    assert len(nothing) == 0
    assert nothing.masks is not None
    assert nothing.masks.shape == (0, 32, 64)


def test_turned_boxes_may_stick_out_and_keep_their_angle() -> None:
    turned = found("obb", [[60, 20, 20, 10, 0.9, 1, 7.5]])
    assert turned.xyxy.tolist() == [[50, -1, 70, 9]]
    assert turned.angle is not None
    assert turned.angle.tolist() == [7.5]
    assert turned.class_id.tolist() == [1]


def test_keypoints_stay_in_the_image_with_their_visibility() -> None:
    pose = found("pose", [[0, 16, 64, 48, 0.9, 0, 10, 20, 0.25, 80, 60, 0.5]], keypoints=(2, 3))
    assert pose.keypoints is not None
    assert pose.keypoints.tolist() == [[[10, 4, 0.25], [64, 32, 0.5]]]
    flat = found("pose", [[0, 16, 64, 48, 0.9, 0, 10, 20]], keypoints=(1, 2))
    assert flat.keypoints is not None
    assert flat.keypoints.tolist() == [[[10, 4]]]
    none = found("pose", [[0, 16, 64, 48, 0.1, 0, 10, 20]], keypoints=(1, 2))
    assert none.keypoints is not None
    assert none.keypoints.shape == (0, 1, 2)


def test_probabilities_of_any_precision() -> None:
    said = postprocess((np.array([0.25, 0.75], np.float16),), FRAME, info("classify"), thresholds=Thresholds())
    assert isinstance(said, Classification)
    assert said.probabilities.dtype == np.float32
    assert said.top1 == 1


@pytest.mark.parametrize("task", ["detect", "classify"])
def test_a_broken_network_is_an_error(task: Task) -> None:
    output = np.full((1, 6) if task == "detect" else (2,), np.nan, np.float32)
    with pytest.raises(RuntimeFailure, match="not numbers"):
        postprocess((output,), FRAME, info(task), thresholds=Thresholds())
