"""The confusion matrix beside that of Ultralytics."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError
from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation.confusion import confusion

NAMES = ["red", "white", "platelet"]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    grid=st.sampled_from([0, 0, 5, 20]),
    noise=st.sampled_from([0.05, 0.2, 0.5]),
    confidence=st.sampled_from([0.001, 0.25, 0.6]),
    iou=st.sampled_from([0.45, 0.1, 0.7]),
)
def test_equal_to_ultralytics(
    ultralytics: ModuleType, sample, seed: int, grid: int, noise: float, confidence: float, iou: float
) -> None:
    torch = pytest.importorskip("torch")
    from ultralytics.utils.metrics import ConfusionMatrix

    results = sample(seed, images=5, grid=grid, noise=noise, truths=8, detections=30)
    theirs = ConfusionMatrix(dict(enumerate(NAMES)))
    for result in results:
        found = result.detections
        theirs.process_batch(
            {
                "bboxes": torch.from_numpy(found.xyxy),
                "conf": torch.from_numpy(found.confidence),
                "cls": torch.from_numpy(found.class_id).float(),
            },
            {"bboxes": torch.from_numpy(result.truth_xyxy), "cls": torch.from_numpy(result.truth_class).float()},
            conf=confidence,
            iou_thres=iou,
        )
    np.testing.assert_array_equal(confusion(results, NAMES, confidence, iou), theirs.matrix)


def test_rows_are_what_is_said_and_columns_what_is_true() -> None:
    box = np.float32([[0, 0, 10, 10]])
    said = Detections(np.concatenate([box, box + 100]), np.float32([0.9, 0.8]), np.int64([1, 2]))
    result = ImageResult("a.png", said, np.concatenate([box, box + 50]), np.int64([0, 0]))
    found = confusion([result], NAMES)
    assert found[1, 0] == 1, "white is said of a red one"
    assert found[2, 3] == 1, "a platelet is said of the background"
    assert found[3, 0] == 1, "a red one is missed"
    assert found.sum() == 3


def test_a_class_outside_the_names_is_refused(sample) -> None:
    with pytest.raises(DataError, match="within 0 to 0"):
        confusion(sample(1), ["only"])
