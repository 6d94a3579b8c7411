"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import iou_matrix
from yolo_tl.evaluation.ranking import require_classes
from yolo_tl.evaluation.records import ImageResult


def confusion(
    results: Sequence[ImageResult], names: Sequence[str], confidence: float = 0.25, iou: float = 0.45
) -> NDArray[np.int64]:
    """Counts (C + 1, C + 1) by detected class (row) and true class (column); the last of each is background.

    A false alarm is in the last column, a missed truth in the last row. Matched is regardless of class: the most
    confident detection first, with the free truth of the highest IoU. Equal to Ultralytics' ``ConfusionMatrix`` 8.4.

    Args:
        results: one entry for each image.
        names: class names.
        confidence: detections with more count.
        iou: with more, a detection and a truth may be matched.

    Raises:
        DataError: a class index is outside `names`.
    """
    require_classes(results, names)
    background = len(names)
    matrix = np.zeros((background + 1, background + 1), np.int64)
    for result in results:
        found = result.detections[result.detections.confidence > np.float32(confidence)]
        partner = _partners(result, found.xyxy, found.confidence, np.float32(iou))
        matched = partner >= 0
        true = result.truth_class
        taken_for = np.append(found.class_id, background)[np.where(matched, partner, len(found))]
        np.add.at(matrix, (taken_for, true), 1)
        alone = np.setdiff1d(np.arange(len(found)), partner)
        matrix[:, background] += np.bincount(found.class_id[alone], minlength=background + 1)
    return matrix


def _partners(
    result: ImageResult, xyxy: NDArray[np.float32], confidence: NDArray[np.float32], least: np.float32
) -> NDArray[np.int64]:
    """The detection (M,) that each truth is matched with, or -1."""
    partner = np.full(len(result.truth_class), -1, np.int64)
    if not len(partner) or not len(xyxy):
        return partner
    overlap = iou_matrix(np.asarray(result.truth_xyxy, np.float32), np.asarray(xyxy, np.float32))
    candidates = np.flatnonzero((overlap > least).any(0))
    for detection in candidates[np.argsort(-confidence[candidates], kind="stable")]:
        truth = overlap[:, detection].argmax()
        if overlap[truth, detection] > least:
            partner[truth] = detection
            overlap[truth] = 0
    return partner
