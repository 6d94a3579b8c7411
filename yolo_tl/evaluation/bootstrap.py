"""Confidence intervals of the metrics, by resampling images.

The images are the sample: objects in one image resemble each other, so resampling objects would promise more
certainty than there is. Where images belong together (frames of one video, copies of one part), the groups are. A
resample is a row of image weights, and the detections are matched and ranked once for all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import DataError, UsageError
from yolo_tl.evaluation.intervals import Interval as Interval
from yolo_tl.evaluation.intervals import interval as interval
from yolo_tl.evaluation.intervals import require_level, score_interval, student
from yolo_tl.evaluation.ranking import Ranking, rank
from yolo_tl.evaluation.records import ImageResult


@dataclass(frozen=True)
class Intervals:
    """Intervals of the metrics of `evaluate`, at confidence `level`.

    Attributes:
        level: share of such intervals that hold the true value.
        resamples: how many resamples the intervals rest on.
        map50_95: of the mean average precision over IoU 0.5 to 0.95.
        map50: of the mean average precision at IoU 0.5.
        ap50_95: class name → interval, for each class with a truth; None where only one image, or one group of
            them, shows it.
        units: what was drawn: images, or groups of images that belong together.
    """

    level: float
    resamples: int
    map50_95: Interval
    map50: Interval
    ap50_95: dict[str, Interval | None]
    units: int

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries; each interval is ``{"low": …, "high": …}``."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Resampling:
    """Resamples of one list of images, to find the intervals of any score of theirs.

    Attributes:
        weights: (1 + B, I) how often each image counts; the first row counts each once.
        labels: (I,) the unit that each image is drawn with: itself, or its group.
        level: share of the intervals that hold the true value.
    """

    weights: NDArray[np.int32]
    labels: NDArray[np.int64]
    level: float

    @classmethod
    def draw(
        cls,
        images: int,
        *,
        resamples: int = 1000,
        seed: int = 0,
        level: float = 0.95,
        groups: Sequence[Hashable | None] | None = None,
    ) -> Resampling:
        """Draw resamples; the arguments and errors are those of `bootstrap`."""
        require_level(level)
        weights = resample(images, resamples=resamples, seed=seed, groups=groups)
        return cls(with_observed(weights), unit_labels(images, groups), level)

    @property
    def resamples(self) -> int:
        """How many."""
        return len(self.weights) - 1

    @cached_property
    def draws(self) -> NDArray[np.int32]:
        """How often each unit (B, U) is drawn."""
        _, first = np.unique(self.labels, return_index=True)
        return self.weights[1:, first]

    def interval(self, table: NDArray[np.float64], shown: NDArray[np.bool_] | None = None) -> Interval | None:
        """The interval of a score within 0 to 1, from its values (1 + B,) by `weights`; see `score_interval`.

        Args:
            table: the score by each row of `weights`.
            shown: (I,) images that have something to do with it; all by default. Where they are of one unit, there
                is no interval.
        """
        units = len(np.unique(self.labels if shown is None else self.labels[shown]))
        if units < 2:
            return None
        return score_interval(float(table[0]), table[1:], self.draws, level=self.level, units=units)


def bootstrap(
    results: Sequence[ImageResult],
    names: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    groups: Sequence[Hashable | None] | None = None,
) -> Intervals:
    """Bootstrap over images: how far the metrics would move with other images.

    Says nothing about other training seeds. See `score_interval` for the form of the intervals and
    ``benchmarks/interval_coverage.md`` for how often they hold the true value.

    A class without a truth in a resample is left out of the mean there, and a resample without any truth is left out.

    Args:
        results: one entry for each image.
        names: class names; a class index points into them.
        resamples: at least 100.
        seed: the same seed, number of images and resamples give the same intervals.
        level: share of the intervals that hold the true value, between 0 and 1.
        groups: see `resample`.

    Raises:
        DataError: fewer than two images or groups, no truth at all, or a class outside `names`.
        UsageError: `resamples` or `level` is out of range.
    """
    drawn = Resampling.draw(len(results), resamples=resamples, seed=seed, level=level, groups=groups)
    return intervals_of(rank(results, names), names, drawn)


def intervals_of(rankings: Sequence[Ranking], names: Sequence[str], drawn: Resampling) -> Intervals:
    """The intervals of `bootstrap`, of images that are matched and drawn already.

    Raises:
        DataError: no truth at all.
    """
    require_truths(rankings)
    table = scores(rankings, drawn.weights)
    overall50_95, overall50 = drawn.interval(table[0]), drawn.interval(table[1])
    assert overall50_95 is not None  # there are truths, and two units
    assert overall50 is not None
    return Intervals(
        level=drawn.level,
        resamples=drawn.resamples,
        map50_95=overall50_95,
        map50=overall50,
        ap50_95={
            names[r.class_id]: drawn.interval(row, r.truths > 0) for r, row in zip(rankings, table[2:], strict=True)
        },
        units=drawn.draws.shape[1],
    )


def resample(
    images: int, *, resamples: int, seed: int, groups: Sequence[Hashable | None] | None = None
) -> NDArray[np.int32]:
    """Weights (resamples, images): how often each image is drawn, with replacement and as many as there are.

    Args:
        images: how many there are.
        resamples: at least 100.
        seed: the same seed gives the same weights.
        groups: one label for each image, None for one that belongs to no other. Then groups are drawn, as many as
            there are, and the images of a group together.

    Raises:
        DataError: fewer than two images or groups, or not one label for each image.
        UsageError: fewer than 100 resamples.
    """
    labels = unit_labels(images, groups)
    units = len(np.unique(labels))
    if units < 2:
        what = "images" if groups is None or images < 2 else "groups of images"
        raise DataError(
            f"expected two or more {what} to resample, found {units}",
            hint="evaluate on more images; one image, or one group of them, says nothing about the next",
        )
    if resamples < 100:
        raise UsageError(
            f"expected resamples of 100 or more, found {resamples}",
            hint="fewer leave the ends of the interval to chance; 1000 is usual",
        )
    drawn = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=resamples)
    return drawn.astype(np.int32)[:, labels]


def with_observed(weights: NDArray[np.int32]) -> NDArray[np.int32]:
    """Weights (1 + B, I) whose first row counts every image once."""
    return np.concatenate([np.ones((1, weights.shape[1]), np.int32), weights])


def unit_labels(images: int, groups: Sequence[Hashable | None] | None) -> NDArray[np.int64]:
    """Which unit (images,) each image is drawn with, from 0 in the order they first appear.

    >>> unit_labels(4, ["b", None, "b", None]).tolist()
    [0, 1, 0, 2]

    Raises:
        DataError: not one label for each image.
    """
    if groups is None:
        return np.arange(images)
    if len(groups) != images:
        raise DataError(f"expected a group for each of {images} images, found {len(groups)}")
    known: dict[Any, int] = {}
    keys = [("alone", i) if group is None else ("group", group) for i, group in enumerate(groups)]
    return np.array([known.setdefault(key, len(known)) for key in keys], np.int64)


def scores(rankings: Sequence[Ranking], weights: NDArray[np.int32]) -> NDArray[np.float64]:
    """The metrics (2 + C, B) of B weightings of the images: mAP50-95, mAP50, then AP50-95 of each class.

    NaN where the weighted images hold no truth to measure.
    """
    ap = np.stack([r.average_precision(weights) for r in rankings])  # (C, B, 10)
    shown = ~np.isnan(ap[..., 0])
    with np.errstate(invalid="ignore"):  # a weighting without any truth: 0 / 0, the NaN promised above
        means = np.nansum(ap, axis=0) / shown.sum(0)[:, None]
    return np.vstack([means.mean(1), means[:, 0], ap.mean(2)])


def detectable(found: Intervals, *, correlation: float = 0.5) -> float:
    """The difference in mAP50-95 to another model above which 95 % of the intervals would leave out zero.

    The standard error of a difference of two scores is that of one times sqrt(2 (1 - correlation)). Both models
    meet the same images, so their scores move together; correlations from 0.33 to 0.98 were measured. With 0.5, the
    difference is as uncertain as the score. Measured on two models, it replaces this.

    Args:
        found: intervals of the model at hand.
        correlation: of the scores of the two models over samples of images.
    """
    half = (found.map50_95.high - found.map50_95.low) / 2
    return half * student(0.95, found.units - 1) / student(found.level, found.units - 1) * sqrt(2 * (1 - correlation))


def require_truths(rankings: Sequence[Ranking]) -> None:
    """Fail where nothing can be measured.

    Raises:
        DataError: no image holds a truth.
    """
    if not rankings:
        raise DataError(
            "expected at least one labelled object, found none in any image",
            hint="evaluate on a split with labels; without them every metric is undefined",
        )
