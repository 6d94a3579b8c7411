"""Which detections are true positives, exactly as Ultralytics decides it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolo_tl.evaluation.assignment import IOUS, assign
from yolo_tl.evaluation.records import ImageResult


def match(result: ImageResult, thresholds: NDArray[np.float32] = IOUS) -> NDArray[np.bool_]:
    """True positives (N, T) of one image, row by row as `result.detections`.

    The most confident detection chooses first: the truth of its class with the highest
    IoU that no other detection has claimed, for each of the T `thresholds` on its own.
    Equal to the default of ``BaseValidator.match_predictions`` (Ultralytics 8.4), to the bit.
    """
    return assign(result, thresholds) >= 0
