"""Two models on the same images: is the difference more than chance?

Both models meet the same easy and hard images, so their errors go together. Resampling
the images for both at once cancels what they share: the difference is known far better
than either score. `comparison` says the same of recipes with several training seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import DataError
from yolo_tl.evaluation.bootstrap import require_truths, resample, scores, with_observed
from yolo_tl.evaluation.intervals import interval
from yolo_tl.evaluation.ranking import rank
from yolo_tl.evaluation.records import ImageResult


@dataclass(frozen=True)
class Difference:
    """Score of a minus score of b.

    Attributes:
        observed: on the images as they are.
        mean: over the resamples.
        low: lower end of the percentile interval.
        high: upper end.
        share_a_better: share of the resamples where a scores strictly higher than b.
        p: two-sided bootstrap share, see `two_sided`.
    """

    observed: float
    mean: float
    low: float
    high: float
    share_a_better: float
    p: float

    @classmethod
    def of(cls, observed: float, resampled: NDArray[np.float64], *, level: float) -> Difference:
        """What the resamples (B,) say of an observed difference; NaN among them is left out."""
        measured = resampled[~np.isnan(resampled)]
        inside = interval(measured, level=level)
        return cls(
            observed=float(observed),
            mean=float(measured.mean()),
            low=inside.low,
            high=inside.high,
            share_a_better=float((measured > 0).mean()),
            p=two_sided(measured),
        )


@dataclass(frozen=True)
class PairedDifference:
    """How model a differs from model b in each metric of `evaluate`.

    Attributes:
        level: share of the resamples inside each interval.
        resamples: how many resamples the intervals rest on.
        map50_95: in mean average precision over IoU 0.5 to 0.95.
        map50: in mean average precision at IoU 0.5.
        ap50_95: class name → difference, for each class with a truth. With many classes
            some interval excludes zero by chance alone.
    """

    level: float
    resamples: int
    map50_95: Difference
    map50: Difference
    ap50_95: dict[str, Difference]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and dictionaries."""
        return asdict(self)


def paired_difference(
    a: Sequence[ImageResult],
    b: Sequence[ImageResult],
    names: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> PairedDifference:
    """Paired bootstrap over images of the difference a - b.

    The two lists may be in different orders, and each in its own frame of coordinates.
    Speaks of these two sets of weights only, not of other training seeds.

    Args:
        a: one entry for each image, of the first model.
        b: the same images, of the second model.
        names: class names of both.
        resamples: at least 100.
        seed: the same seed gives the same resamples as in `bootstrap`.
        level: share of the resamples inside the intervals, between 0 and 1.

    Raises:
        DataError: the images or their truths differ, an image is listed twice, there are
            fewer than two images, no truth at all, or a class outside `names`.
        UsageError: `resamples` or `level` is out of range.
    """
    b = aligned(a, b)
    weights = with_observed(resample(len(a), resamples=resamples, seed=seed))
    rankings_a, rankings_b = rank(a, names), rank(b, names)
    require_truths(rankings_a)
    difference = scores(rankings_a, weights) - scores(rankings_b, weights)
    overall50_95, overall50, *per_class = (Difference.of(row[0], row[1:], level=level) for row in difference)
    return PairedDifference(
        level=level,
        resamples=resamples,
        map50_95=overall50_95,
        map50=overall50,
        ap50_95={names[r.class_id]: found for r, found in zip(rankings_a, per_class, strict=True)},
    )


def two_sided(resampled: NDArray[np.float64]) -> float:
    """Twice the share of the resamples (B,) on the rarer side of zero, as a p-value of no difference.

    At least 2 / B, because B resamples cannot show less, and at most 1. It is under 1 - level where the
    percentile interval of that level leaves out zero, up to the interpolation between two resamples.
    """
    rarer = min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
    return min(1.0, 2 * max(rarer, 1) / len(resampled))


def aligned(
    a: Sequence[ImageResult], b: Sequence[ImageResult], called: tuple[str, str] = ("a", "b")
) -> list[ImageResult]:
    """The entries of `b` in the order of the images of `a`.

    Raises:
        DataError: an image is listed twice, the images differ, or the classes of their truths do.
    """
    lookup = {result.image: result for result in b}
    images = {result.image for result in a}
    for which, listed, distinct in ((called[0], a, images), (called[1], b, lookup)):
        if len(listed) != len(distinct):
            raise DataError(
                f"expected each image once in {which}, found {len(distinct)} images in {len(listed)} entries",
                hint="evaluate each image once; a path names an image",
            )
    if alone := images ^ lookup.keys():
        first = min(alone)
        raise DataError(
            f"expected the same images in {called[0]} and {called[1]}, found {len(alone)} in one of them only, "
            f"such as {first} (only in {called[0] if first in images else called[1]})",
            hint="evaluate both models on the same split",
        )
    for result in a:
        own, other = np.sort(result.truth_class), np.sort(lookup[result.image].truth_class)
        if not np.array_equal(own, other):
            raise DataError(
                f"{result.image}: expected the same truths in {called[0]} and {called[1]}, "
                f"found classes {own.tolist()} in {called[0]} and {other.tolist()} in {called[1]}",
                hint="evaluate both models on the same labels",
            )
    return [lookup[result.image] for result in a]
