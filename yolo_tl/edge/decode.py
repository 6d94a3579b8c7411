"""From the output tensor of one image to rows (N, 6 + more): box, score, class, and what the task adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats
from yolo_tl.edge.network import Head
from yolo_tl.edge.nms import nms
from yolo_tl.edge.rotated import rotated_nms
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


def decode(
    output: Floats,
    *,
    head: Head,
    thresholds: Thresholds,
    classes: Sequence[int] | None = None,
    count: int | None = None,
    rotated: bool = False,
) -> NDArray[np.float32]:
    """Rows (N, 6 + more) float32 in px of the letterboxed canvas, best first: box, score, class, more.

    Of the raw head, a box counts for its best class. For a class with a threshold of its own it also counts where
    another class is better: that threshold was chosen on scores of this class alone, and must not depend on others.

    Args:
        output: one image's output, without the batch axis.
        head: how to read it.
        thresholds: what counts.
        classes: keep only these class numbers; the others take no place among `max_det`.
        count: number of classes; by default all that a raw head says beside corners is scores.
        rotated: boxes are centre x, centre y, width and height, and stay so; their angle is the last column. Others
            become corners.

    Raises:
        RuntimeFailure: a score is NaN.
    """
    scores = output[4:] if count is None else output[4 : 4 + count]
    best = scores.max(axis=0) if head == "raw" else output[:, 4]
    require_numbers(best)
    if head == "raw":
        rows = _candidates(output, scores, best, thresholds, classes, rotated=rotated)
        return _suppressed(rows, thresholds, rotated=rotated)
    keep = best > float(thresholds.confidence)  # a Python number takes the array's own precision
    for number, threshold in thresholds.by_class:
        keep = np.where(output[:, 5] == number, best > float(threshold), keep)
    # The rows stay in the order of the graph, which is by score already.
    if classes is not None:
        keep &= np.isin(output[:, 5], classes)
    return output[keep][: thresholds.max_det].astype(np.float32)


def require_numbers(scores: Floats) -> None:
    """Fail for a network that is broken; no comparison with NaN is true, so its images would look empty.

    Raises:
        RuntimeFailure: a score is NaN.
    """
    if np.isnan(scores.max(initial=0)):
        raise RuntimeFailure(
            "the network put out scores that are not numbers (NaN)",
            hint="its weights or its 16-bit arithmetic overflow; export it with 32 bits and check the checkpoint",
        )


def _candidates(
    output: Floats,
    scores: Floats,
    best: Floats,
    thresholds: Thresholds,
    classes: Sequence[int] | None,
    *,
    rotated: bool,
) -> NDArray[np.float32]:
    """Rows of the raw head whose scores are above their thresholds; `best` is the best score of each anchor."""
    above = np.flatnonzero(best > float(thresholds.confidence))
    anchors, more = output[:, above], 4 + len(scores)
    kinds = anchors[4:more].argmax(axis=0)
    rows = _rows(anchors, best[above], kinds, more=more, rotated=rotated)
    if classes is not None:
        rows = rows[np.isin(kinds, classes)]
    if not thresholds.by_class:
        return rows
    own = [number for number, _ in thresholds.by_class]
    parts = [rows[~np.isin(rows[:, 5], own)]]
    for number, threshold in thresholds.by_class:
        if classes is None or number in classes:
            above = np.flatnonzero(scores[number] > float(threshold))
            parts.append(_rows(output[:, above], scores[number, above], number, more=more, rotated=rotated))
    return np.concatenate(parts)


def _rows(
    anchors: Floats, scores: Floats, classes: NDArray[np.intp] | int, *, more: int, rotated: bool
) -> NDArray[np.float32]:
    """Anchors (4 + classes + more, N), scores (N,) and classes → rows (N, 6 + more).

    Args:
        anchors: of the raw head.
        scores: of the class they count for.
        classes: that class.
        more: where in an anchor what the task adds begins.
        rotated: the boxes stay as they are.
    """
    rows = np.empty((len(scores), 6 + len(anchors) - more), np.float32)
    if rotated:
        rows[:, :4] = anchors[:4].T
    else:
        half = anchors[2:4] / 2
        rows[:, :2] = (anchors[:2] - half).T
        rows[:, 2:4] = (anchors[:2] + half).T
    rows[:, 4] = scores
    rows[:, 5] = classes
    rows[:, 6:] = anchors[more:].T
    return rows


def _suppressed(rows: NDArray[np.float32], thresholds: Thresholds, *, rotated: bool) -> NDArray[np.float32]:
    if len(rows) < 2:
        return rows
    if len(rows) > _CANDIDATES:
        rows = rows[np.argsort(-rows[:, 4], kind="stable")[:_CANDIDATES]]
    # In float32 on purpose: at high class numbers the sum is rounded, and so is the peer's.
    apart = rows[:, 5:6] * np.float32(_CLASS_OFFSET)
    if rotated:
        boxes = np.concatenate([rows[:, :2] + apart, rows[:, 2:4], rows[:, -1:]], axis=1)
        return rows[rotated_nms(boxes, rows[:, 4], iou=thresholds.iou, limit=thresholds.max_det)]
    return rows[nms(rows[:, :4] + apart, rows[:, 4], iou=thresholds.iou, limit=thresholds.max_det)]
