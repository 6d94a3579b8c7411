"""Whether confidence means what it says: of the detections with confidence 0.7, 70 % should be right.

Detection calibration as in Küppers et al. 2020 (Multivariate Confidence Calibration for Object Detection, CVPR
Workshops), over confidence alone: in bins of confidence, the share of detections that claim a truth of their
class at IoU 0.5 beside their mean confidence. What is missed has no confidence and does not count.

Detectors say very many things with hardly any confidence, and those would decide every mean (Neumann et al. 2018):
detections at or below `FLOOR` are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import erf, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.evaluation.bootstrap import Resampling
from yolo_tl.evaluation.intervals import Interval, difference_interval, half_width
from yolo_tl.evaluation.matching import match
from yolo_tl.evaluation.operating import IOU
from yolo_tl.evaluation.records import ImageResult

BINS = 10
FLOOR = 0.1
_INTERVALS = {"ece": "interval", "gap": "gap_interval", "brier": "brier_interval"}


@dataclass(frozen=True)
class Bin:
    """The detections with a confidence above `low` and up to `high`; its means are None where there are none."""

    low: float
    high: float
    count: int
    confidence: float | None
    precision: float | None


@dataclass(frozen=True)
class Calibration:
    """How far confidence is from precision; None where no detection is above the floor.

    Attributes:
        ece: expected calibration error: mean distance of the bins, weighted by their detections. In a small sample
            it reads high, because chance alone moves each bin; its interval allows for that, and may lie below it.
        gap: mean confidence less precision: above 0 where the model is too sure of itself.
        mce: the largest distance of a bin.
        brier: mean squared distance of a detection's confidence from 1 where it is right and 0 where it is not.
        count: detections.
        floor: confidence above which they count.
        bins: of equal width, from the floor's bin up.
        interval: of `ece`; None without resamples, and where one image holds all detections.
        gap_interval: of `gap`.
        brier_interval: of `brier`.
    """

    ece: float | None
    gap: float | None
    mce: float | None
    brier: float | None
    count: int
    floor: float
    bins: tuple[Bin, ...]
    interval: Interval | None = None
    gap_interval: Interval | None = None
    brier_interval: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``ci95`` holds the intervals."""
        plain = asdict(self)
        found = {key: plain.pop(name) for key, name in _INTERVALS.items()}
        return {**plain, "ci95": {key: one and [one["low"], one["high"]] for key, one in found.items()}}


def calibration(
    results: Sequence[ImageResult], drawn: Resampling | None = None, *, bins: int = BINS, floor: float = FLOOR
) -> Calibration:
    """Calibration of the confidences in `results`.

    Args:
        results: one entry for each image.
        drawn: resamples of the images, for an interval.
        bins: of equal width, over confidence 0 to 1.
        floor: detections with more confidence count.
    """
    each = bin_sums(results, bins=bins, floor=floor)
    sums = each.sum(0)
    edges = np.linspace(0, 1, bins + 1).tolist()
    listed = [
        Bin(
            low,
            high,
            int(count),
            confidence / count if count else None,
            hits / count if count else None,
        )
        for low, high, (count, confidence, hits, _) in zip(edges, edges[1:], sums.tolist(), strict=False)
        if high > floor
    ]
    gaps = [abs(b.confidence - b.precision) for b in listed if b.confidence is not None and b.precision is not None]
    count, confidence, hits, squares = sums.sum(0).tolist()
    return Calibration(
        ece=float(calibration_errors(sums[None], np.ones((1, 1), np.int32))[0]) if count else None,
        gap=(confidence - hits) / count if count else None,
        mce=max(gaps) if count else None,
        brier=squares / count if count else None,
        count=int(count),
        floor=floor,
        bins=tuple(listed),
        **(_intervals(each, drawn) if drawn is not None and count else {}),
    )


def _intervals(each: NDArray[np.float64], drawn: Resampling) -> dict[str, Interval | None]:
    shown = each[..., 0].sum(1) > 0
    units = len(np.unique(drawn.labels[shown]))
    if units < 2:
        return {}
    count, confidence, hits, squares = np.moveaxis(np.tensordot(drawn.weights, each, axes=1), 2, 0)  # (1 + B, bins)
    with np.errstate(invalid="ignore"):  # a resample without any detection: NaN, which is left out
        gaps, brier = (confidence - hits) / count.sum(1, keepdims=True), squares.sum(1) / count.sum(1)
    measured = ~np.isnan(brier[1:])
    spread = gaps[1:][measured].std(0) * sqrt(units / (units - 1))
    expected = float(sum(_unfolded(*pair) for pair in zip(np.abs(gaps[0]).tolist(), spread.tolist(), strict=True)))
    error = np.abs(gaps[1:][measured]).sum(1)
    width = half_width(error, drawn.draws[measured], level=drawn.level, units=units)
    gap = gaps.sum(1)
    return {
        "interval": Interval(max(0.0, expected - width), min(1.0, expected + width)),
        "gap_interval": difference_interval(float(gap[0]), gap[1:], drawn.draws, level=drawn.level, units=units),
        "brier_interval": drawn.interval(brier, shown),
    }


def _unfolded(distance: float, spread: float) -> float:
    """The distance that a normal error of such a spread makes to look like `distance`, on average; 0 at least.

    The mean of the folded normal distribution, solved by bisection.
    """
    if spread < 1e-12:
        return distance
    low, high = 0.0, distance
    for _ in range(40):
        middle = (low + high) / 2
        ratio = middle / spread
        mean = spread * sqrt(2 / pi) * np.exp(-(ratio**2) / 2) + middle * erf(ratio / sqrt(2))
        low, high = (low, middle) if mean > distance else (middle, high)
    return low


def bin_sums(results: Sequence[ImageResult], *, bins: int = BINS, floor: float = FLOOR) -> NDArray[np.float64]:
    """Sums (I, bins, 4) in each image: detections, their confidence, hits, and squared distances from the outcome."""
    sums = np.zeros((len(results), bins, 4))
    edges = np.linspace(0, 1, bins + 1, dtype=np.float32)  # as the confidences are: 0.7 is the end of its bin
    for row, result in zip(sums, results, strict=True):
        found = result.detections
        hit = match(result, IOU)[:, 0].astype(np.float64)
        counted = found.confidence > np.float32(floor)
        place = np.clip(np.searchsorted(edges, found.confidence[counted]) - 1, 0, bins - 1)
        confidence, hit = found.confidence[counted].astype(np.float64), hit[counted]
        for column, values in enumerate((np.ones_like(hit), confidence, hit, (confidence - hit) ** 2)):
            row[:, column] = np.bincount(place, values, minlength=bins)
    return sums


def calibration_errors(sums: NDArray[np.float64], weights: NDArray[np.int32]) -> NDArray[np.float64]:
    """Expected calibration error (B,) of B weightings of the images; NaN where no detection counts.

    Args:
        sums: (I, bins, 4) of `bin_sums`.
        weights: (B, I).
    """
    count, confidence, hits = (weights @ sums[..., column] for column in range(3))
    with np.errstate(invalid="ignore"):
        errors: NDArray[np.float64] = np.abs(confidence - hits).sum(1) / count.sum(1)
    return errors
