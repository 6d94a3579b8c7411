"""Which truth each detection claims: the greedy one-to-one matching that every score rests on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import iou_matrix
from yolo_tl.evaluation.records import ImageResult

# float32 like every IoU below: at an exact tie, such as IoU 0.6, the comparison depends on it.
IOUS: NDArray[np.float32] = np.linspace(0.5, 0.95, 10, dtype=np.float32)


def assign(
    result: ImageResult,
    thresholds: NDArray[np.float32] = IOUS,
    *,
    second: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """The truth (N, T) that each detection of one image claims at each IoU threshold, or -1.

    The most confident detection chooses first: the truth of its class with the highest IoU that no other
    detection has claimed. Where it claims one, it is a true positive of `matching.match`.

    Args:
        result: one image with N detections and M truths.
        thresholds: (T,) IoU from which a truth may be claimed.
        second: (M,) truths that are chosen only where no other may be, as COCO's evaluation treats those to ignore.
    """
    found = result.detections
    claims = np.full((len(found), len(thresholds)), -1, np.int64)
    if not len(found) or not len(result.truth_class):
        return claims
    # IoU in float32 even if the caller's boxes are wider: this is what Ultralytics compares.
    iou = iou_matrix(np.asarray(result.truth_xyxy, np.float32), np.asarray(found.xyxy, np.float32))
    iou = iou * (np.asarray(result.truth_class)[:, None] == found.class_id)
    free = np.ones((len(iou), len(thresholds)), bool)
    columns = np.arange(len(thresholds))
    best_first = np.argsort(-found.confidence, kind="stable")
    for detection in best_first[(iou >= thresholds.min()).any(0)[best_first]]:
        eligible = np.where(free, iou[:, detection, None], 0)
        if second is not None:
            first = np.where(second, 0.0, 2.0)[:, None]  # float64, in which no two IoUs become one
            eligible = np.where(eligible >= thresholds, eligible + first, 0)
        choice = eligible.argmax(0)
        claimed = eligible[choice, columns] >= thresholds
        claims[detection, claimed] = choice[claimed]
        free[choice[claimed], columns[claimed]] = False
    return claims
