"""Which detections are true positives, exactly as Ultralytics decides it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import iou_matrix
from yolo_tl.evaluation.records import ImageResult

# float32 like every IoU below: at an exact tie, such as IoU 0.6, the comparison depends on it.
IOUS: NDArray[np.float32] = np.linspace(0.5, 0.95, 10, dtype=np.float32)


def match(result: ImageResult, thresholds: NDArray[np.float32] = IOUS) -> NDArray[np.bool_]:
    """True positives (N, T) of one image, row by row as `result.detections`.

    The most confident detection chooses first: the truth of its class with the highest
    IoU that no other detection has claimed, for each of the T `thresholds` on its own.
    Equal to the default of ``BaseValidator.match_predictions`` (Ultralytics 8.4), to the bit.
    """
    found = result.detections
    correct = np.zeros((len(found), len(thresholds)), dtype=bool)
    if not len(found) or not len(result.truth_class):
        return correct
    # IoU in float32 even if the caller's boxes are wider: this is what Ultralytics compares.
    iou = iou_matrix(np.asarray(result.truth_xyxy, np.float32), np.asarray(found.xyxy, np.float32))
    iou = iou * (np.asarray(result.truth_class)[:, None] == found.class_id)
    claimed = np.zeros((len(iou), len(thresholds)), dtype=bool)
    columns = np.arange(len(thresholds))
    best_first = np.argsort(-found.confidence, kind="stable")
    for detection in best_first[(iou >= thresholds.min()).any(0)[best_first]]:
        available = np.where(claimed, 0, iou[:, detection, None])
        choice = available.argmax(0)
        correct[detection] = available[choice, columns] >= thresholds
        claimed[choice, columns] |= correct[detection]
    return correct
