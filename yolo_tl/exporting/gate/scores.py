"""The fourth level: the scores of both models against what is true, and how surely they differ.

To detect it is mAP50-95. So it is of segments, oriented boxes and poses, by their horizontal boxes: what masks, angles
and keypoints lose is seen by the second level. To classify it is the share of images whose most probable class is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError
from yolo_tl.evaluation.bootstrap import resample, with_observed
from yolo_tl.evaluation.metrics import evaluate
from yolo_tl.evaluation.paired import Difference, paired_difference
from yolo_tl.evaluation.records import ImageResult

LEVEL = 0.95


@dataclass(frozen=True)
class Scores:
    """One score of both models, or the reason for which there is none.

    Attributes:
        metric: ``mAP50-95`` or ``accuracy``.
        a: of the first.
        b: of the second.
        loss: a - b.
        low: lower end of the paired 95 % bootstrap interval of the loss over images.
        high: upper end.
        p: two-sided bootstrap share.
        reason: why nothing could be measured; empty where it was.
        note: what the score was restricted to; empty where nothing.
    """

    metric: str
    a: float | None = None
    b: float | None = None
    loss: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str = ""
    note: str = ""


def average_precision(
    a: Sequence[ImageResult], b: Sequence[ImageResult], names: Sequence[str], *, resamples: int, note: str = ""
) -> Scores:
    """mAP50-95 of both on the same images."""
    metric = "mAP50-95"
    try:
        found = paired_difference(a, b, names, resamples=resamples, level=LEVEL).map50_95
    except DataError as error:  # too few images, or nothing true in them
        return Scores(metric, reason=error.message, note=note)
    of_a, of_b = (evaluate(results, names).map50_95 for results in (a, b))
    return Scores(metric, of_a, of_b, found.observed, found.low, found.high, found.p, note=note)


def accuracy(a: NDArray[np.bool_], b: NDArray[np.bool_], *, resamples: int) -> Scores:
    """Top-1 accuracy of both, from whether each image (N,) was right."""
    try:
        weights = with_observed(resample(len(a), resamples=resamples, seed=0))
    except DataError as error:
        return Scores("accuracy", reason=error.message)
    lost = weights @ (a.astype(np.int64) - b.astype(np.int64)) / weights.sum(1)
    found = Difference.of(lost[0], lost[1:], level=LEVEL)
    return Scores("accuracy", float(a.mean()), float(b.mean()), found.observed, found.low, found.high, found.p)


def horizontal(found: Detections) -> Detections:
    """The same with upright boxes only: of a turned box its extent."""
    boxes = found.xyxy
    if found.angle is not None:
        boxes = np.concatenate([found.corners.min(1), found.corners.max(1)], axis=1)
    return Detections(boxes, found.confidence, found.class_id)
