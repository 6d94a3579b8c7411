"""What a detector does at one threshold: how much of what it says is right, and how much it finds.

A detection counts where its confidence is above the threshold of its class, as it is in deployment, and is a hit
where it claims a truth of its class at IoU 0.5. `Metrics` reads the same off the smoothed curves of Ultralytics,
so its figures differ in the third digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import UsageError
from yolo_tl.evaluation.assignment import assign
from yolo_tl.evaluation.bootstrap import Resampling
from yolo_tl.evaluation.intervals import Interval
from yolo_tl.evaluation.ranking import require_classes
from yolo_tl.evaluation.records import ImageResult

IOU = np.array([0.5], np.float32)


class Kind(IntEnum):
    """What became of a detection."""

    BELOW = 0  # not above the threshold
    HIT = 1
    FALSE_ALARM = 2


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of every box of one image.

    Attributes:
        detection_kind: (N,) a `Kind` for each detection.
        truth_found: (M,) whether each truth was claimed.
        claims: (N,) the truth that each detection claims, or -1.
    """

    detection_kind: NDArray[np.int8]
    truth_found: NDArray[np.bool_]
    claims: NDArray[np.int64]


@dataclass(frozen=True)
class Rates:
    """Counts and rates of one class, or of all boxes together.

    `precision` is None where nothing is above the threshold, `recall` and `f1` where nothing is true: there is
    nothing to measure. `intervals` are those of ``precision``, ``recall`` and ``f1`` at this very threshold, where
    there are resamples and two images or more to measure it on.
    """

    name: str
    hits: int
    false_alarms: int
    missed: int
    precision: float | None
    recall: float | None
    f1: float | None
    intervals: dict[str, Interval | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values without the name; ``ci95`` holds the intervals."""
        plain = asdict(self)
        del plain["name"]
        plain["ci95"] = {key: found and [found["low"], found["high"]] for key, found in plain.pop("intervals").items()}
        return plain


@dataclass(frozen=True)
class Operating:
    """Precision, recall and F1 at a threshold.

    Attributes:
        confidence: the threshold of each class, by class index.
        overall: all boxes together, whatever their class.
        per_class: one entry for each class name.
    """

    confidence: tuple[float, ...]
    overall: Rates
    per_class: tuple[Rates, ...]

    @property
    def precision(self) -> float | None:
        """Share of all detections above the threshold that are hits."""
        return self.overall.precision

    @property
    def recall(self) -> float | None:
        """Share of all truths that are found."""
        return self.overall.recall

    @property
    def f1(self) -> float | None:
        """Harmonic mean of the two."""
        return self.overall.f1

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``confidence`` is one number where the classes share it, and ``per_class`` is keyed by name."""
        shared = len(set(self.confidence)) == 1
        return {
            "confidence": self.confidence[0] if shared else list(self.confidence),
            **self.overall.to_json(),
            "per_class": {entry.name: entry.to_json() for entry in self.per_class},
        }


def outcomes(result: ImageResult, thresholds: float | Sequence[float]) -> Outcome:
    """What becomes of every box of `result` at a threshold, or at one for each class."""
    found = result.detections
    above = is_above(found.confidence, found.class_id, thresholds)
    claims = np.full(len(found), -1, np.int64)
    claims[above] = assign(_only(result, above), IOU)[:, 0]
    truth_found = np.zeros(len(result.truth_class), bool)
    truth_found[claims[claims >= 0]] = True
    kind = np.where(above, np.where(claims >= 0, Kind.HIT, Kind.FALSE_ALARM), Kind.BELOW).astype(np.int8)
    return Outcome(kind, truth_found, claims)


def is_above(
    confidence: NDArray[np.float32], class_id: NDArray[np.int64], thresholds: float | Sequence[float]
) -> NDArray[np.bool_]:
    """Which detections (N,) are above the threshold, or above that of their class."""
    # float32, as the confidences are: 0.3 is not above 0.3.
    limit = np.asarray(thresholds, np.float32)
    above: NDArray[np.bool_] = confidence > (limit[class_id] if limit.ndim else limit)
    return above


def operating_point(
    results: Sequence[ImageResult],
    names: Sequence[str],
    confidence: float | Sequence[float],
    drawn: Resampling | None = None,
) -> Operating:
    """Precision, recall and F1 of `results` at a threshold, by class and overall.

    Args:
        results: one entry for each image.
        names: class names.
        confidence: the threshold, or one for each class.
        drawn: resamples of the images, for intervals.

    Raises:
        DataError: a class index is outside `names`.
        UsageError: `confidence` is not within 0 to 1, or not one for each class.
    """
    limits = thresholds_of(confidence, names)
    counts = outcome_counts(results, names, limits)
    table = rate_scores(counts, np.ones((1, len(counts)), np.int32) if drawn is None else drawn.weights)
    with_all = np.concatenate([counts.sum(1, keepdims=True), counts], axis=1)
    overall, *per_class = (_rates(name, with_all[:, i], table[:, i], drawn) for i, name in enumerate(["all", *names]))
    return Operating(limits, overall, tuple(per_class))


def outcome_counts(
    results: Sequence[ImageResult], names: Sequence[str], confidence: float | Sequence[float]
) -> NDArray[np.int64]:
    """Hits, false alarms and missed truths (I, C, 3) of each class in each image."""
    require_classes(results, names)
    limits = thresholds_of(confidence, names)
    counts = np.zeros((len(results), len(names), 3), np.int64)
    for row, result in zip(counts, results, strict=True):
        outcome = outcomes(result, limits)
        for column, classes in enumerate(
            (
                result.detections.class_id[outcome.detection_kind == Kind.HIT],
                result.detections.class_id[outcome.detection_kind == Kind.FALSE_ALARM],
                result.truth_class[~outcome.truth_found],
            )
        ):
            row[:, column] = np.bincount(classes, minlength=len(names))
    return counts


def rate_scores(counts: NDArray[np.int64], weights: NDArray[np.int32]) -> NDArray[np.float64]:
    """Precision, recall and F1 (3, 1 + C, B) of B weightings of the images, all boxes first; NaN where undefined.

    Args:
        counts: (I, C, 3) of `outcome_counts`.
        weights: (B, I).
    """
    images, classes, _ = counts.shape
    totals = (weights @ counts.reshape(images, 3 * classes)).reshape(-1, classes, 3)
    totals = np.concatenate([totals.sum(1, keepdims=True), totals], axis=1).transpose(2, 1, 0)  # (3, 1 + C, B)
    hits, alarms, missed = totals
    true = hits + missed
    with np.errstate(invalid="ignore"):
        f1 = np.where(true > 0, 2 * hits / (2 * hits + alarms + missed), np.nan)
        return np.stack([hits / (hits + alarms), hits / true, f1])


def thresholds_of(confidence: float | Sequence[float], names: Sequence[str]) -> tuple[float, ...]:
    """The threshold of each class.

    Raises:
        UsageError: it is not within 0 to 1, or not one for each class.
    """
    limits = np.atleast_1d(np.asarray(confidence, np.float64))
    if len(limits) not in (1, len(names)) or not ((limits >= 0) & (limits <= 1)).all():
        raise UsageError(
            f"confidence: expected a number from 0 to 1, or one for each of {len(names)} classes, found {confidence}",
            hint="0.25 is usual",
        )
    return tuple(np.broadcast_to(limits, len(names)).tolist())


def _rates(name: str, counts: NDArray[np.int64], table: NDArray[np.float64], drawn: Resampling | None) -> Rates:
    """From the counts (I, 3) of a class, and its three rates (3, 1 + B)."""
    precision, recall, f1 = (None if np.isnan(value) else float(value) for value in table[:, 0])
    hits, false_alarms, missed = counts.sum(0).tolist()
    intervals = {}
    if drawn is not None:
        said, true = counts[:, 0] + counts[:, 1] > 0, counts[:, 0] + counts[:, 2] > 0
        intervals = {
            "precision": drawn.interval(table[0], said),
            "recall": drawn.interval(table[1], true),
            "f1": drawn.interval(table[2], said | true),
        }
    return Rates(name, hits, false_alarms, missed, precision, recall, f1, intervals)


def _only(result: ImageResult, above: NDArray[np.bool_]) -> ImageResult:
    return ImageResult(result.image, result.detections[above], result.truth_xyxy, result.truth_class)
