from __future__ import annotations

import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError
from yolo_tl.evaluation import ImageResult


@pytest.mark.parametrize(("boxes", "classes"), [((2, 4), (1,)), ((2, 5), (2,)), ((4,), (1,)), ((2, 4), (2, 1))])
def test_truth_arrays_that_do_not_fit_each_other_are_refused(boxes: tuple[int, ...], classes: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"part_7\.png: expected truth_xyxy \(M, 4\)") as raised:
        ImageResult("part_7.png", Detections.empty(), np.zeros(boxes, np.float32), np.zeros(classes, np.int64))
    assert str(boxes) in raised.value.message
    assert raised.value.hint


def test_an_image_without_objects_is_a_result() -> None:
    result = ImageResult("a.png", Detections.empty(), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    assert len(result.truth_class) == 0
