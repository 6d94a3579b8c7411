"""From the output tensor of one image to rows (N, 6): x1, y1, x2, y2, score, class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats, xywh_to_xyxy
from yolo_tl.edge.network import Head
from yolo_tl.edge.nms import nms
from yolo_tl.errors import ConfigError, RuntimeFailure

_CLASS_OFFSET = 7680  # px; moves the classes apart, so that one NMS serves all of them
_CANDIDATES = 30_000


@dataclass(frozen=True)
class Thresholds:
    """What decides whether a box counts.

    Attributes:
        confidence: a score must be above it.
        iou: two boxes of a class that overlap more are one; only for the raw head.
        max_det: at most so many boxes per image.
        by_class: thresholds of single classes in place of `confidence`, as pairs of class number and threshold.

    Raises:
        ConfigError: a value out of range.
    """

    confidence: float = 0.25
    iou: float = 0.7
    max_det: int = 300
    by_class: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        own = [(f"confidence of class {number}", value) for number, value in self.by_class]
        for name, value in (("confidence", self.confidence), ("iou", self.iou), *own):
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
                raise ConfigError(f"{name}: expected a number from 0 to 1, found {value!r}")
        if isinstance(self.max_det, bool) or not isinstance(self.max_det, Integral) or self.max_det < 1:
            raise ConfigError(f"max_det: expected a positive integer, found {self.max_det!r}")


def decode(output: Floats, *, head: Head, thresholds: Thresholds, classes: Sequence[int] | None = None) -> Floats:
    """Rows (N, 6) float32 in px of the letterboxed canvas, best first.

    Of the raw head, a box counts for its best class. For a class with a threshold of its own it also counts where
    another class is better: that threshold was chosen on scores of this class alone, and must not depend on others.

    Args:
        output: one image's output, without the batch axis.
        head: how to read it.
        thresholds: what counts.
        classes: keep only these class numbers; the others take no place among `max_det`.
    """
    scores = output[4:].max(axis=0) if head == "raw" else output[:, 4]
    if np.isnan(scores).any():  # no comparison with NaN is true, so a broken network would look like an empty image
        raise RuntimeFailure(
            "the network put out scores that are not numbers (NaN)",
            hint="its weights or its 16-bit arithmetic overflow; export it with 32 bits and check the checkpoint",
        )
    if head == "raw":
        return _suppressed(_candidates(output, scores, thresholds, classes), thresholds)
    keep = scores > float(thresholds.confidence)  # a Python number takes the array's own precision
    for number, threshold in thresholds.by_class:
        keep = np.where(output[:, 5] == number, scores > float(threshold), keep)
    # The rows stay in the order of the graph, which is by score already.
    if classes is not None:
        keep &= np.isin(output[:, 5], classes)
    return output[keep][: thresholds.max_det].astype(np.float32)


def _candidates(
    output: Floats, best: Floats, thresholds: Thresholds, classes: Sequence[int] | None
) -> NDArray[np.float32]:
    """Rows of the raw head whose scores are above their thresholds; `best` is the best score of each anchor."""
    rows = _best_classes(output[:, best > float(thresholds.confidence)], classes)
    if not thresholds.by_class:
        return rows
    own = [number for number, _ in thresholds.by_class]
    parts = [rows[~np.isin(rows[:, 5], own)]]
    for number, threshold in thresholds.by_class:
        if classes is None or number in classes:
            above = output[:, output[4 + number] > float(threshold)]
            parts.append(_rows(above[:4], above[4 + number], number))
    return np.concatenate(parts)


def _best_classes(output: Floats, classes: Sequence[int] | None) -> NDArray[np.float32]:
    """Anchors (4 + classes, N) → one row each, for its best class."""
    scores = output[4:]
    best = scores.argmax(axis=0)
    rows = _rows(output[:4], scores[best, np.arange(len(best))], best)
    return rows if classes is None else rows[np.isin(best, classes)]


def _rows(boxes: Floats, scores: Floats, classes: NDArray[np.intp] | int) -> NDArray[np.float32]:
    """Centre boxes (4, N), scores (N,) and classes → rows (N, 6)."""
    rows = np.empty((len(scores), 6), np.float32)
    rows[:, :4] = xywh_to_xyxy(boxes.T)
    rows[:, 4] = scores
    rows[:, 5] = classes
    return rows


def _suppressed(rows: NDArray[np.float32], thresholds: Thresholds) -> NDArray[np.float32]:
    if len(rows) > _CANDIDATES:
        rows = rows[np.argsort(-rows[:, 4], kind="stable")[:_CANDIDATES]]
    # In float32 on purpose: at high class numbers the sum is rounded, and so is the peer's.
    apart = rows[:, :4] + rows[:, 5:6] * np.float32(_CLASS_OFFSET)
    return rows[nms(apart, rows[:, 4], iou=thresholds.iou, limit=thresholds.max_det)]
