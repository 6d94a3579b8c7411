"""The form of a confidence interval: from resamples to two ends.

``benchmarks/interval_coverage.md`` has how often each form holds the true value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import UsageError
from yolo_tl.evaluation.exact import beta_quantile, upper_bound

# Degrees of freedom of a share that hangs on a single unit: by the exact Poisson bounds of one event, 5.57 at most,
# the root lies up to 2.7 standard errors above that of the one observed; Student's t with 4 has 2.78.
_LEAST = 4


@dataclass(frozen=True)
class Interval:
    """The confidence interval of one metric."""

    low: float
    high: float


def score_interval(
    observed: float,
    resampled: NDArray[np.float64],
    draws: NDArray[np.int32],
    *,
    level: float,
    units: int | None = None,
) -> Interval | None:
    """The confidence interval of a score within 0 to 1; None where it is undefined.

    Found on the scale of arcsine of the root, where the spread of a share does not depend on its size and no end
    leaves 0 to 1; centred on the observed score, less the bias that the resamples show; as wide as `half_width`
    says. Percentiles of the resamples would be too narrow for few images, and keep the bias.

    Where no resample differs from the images as they are, their spread says nothing. Then a share q of units unlike
    all that were seen is still possible, by the binomial bound for none in `units`, and could move the score by q.

    Args:
        observed: the score of the images as they are; NaN where it is undefined.
        resampled: (B,) of the resamples; NaN among them is left out.
        draws: (B, U) how often each of the U units (images, or groups of them) was drawn.
        level: share of the intervals that hold the true value.
        units: how many units have something to do with the score; all by default.

    Raises:
        UsageError: `level` is not between 0 and 1.
    """
    require_level(level)
    measured = ~np.isnan(resampled)
    if np.isnan(observed) or measured.sum() < 2:
        return None
    units = draws.shape[1] if units is None else units
    if np.ptp(np.append(resampled[measured], observed)) < 1e-12:
        unseen = upper_bound(0, units, level=(1 + level) / 2)
        return Interval(max(0.0, observed - unseen), min(1.0, observed + unseen))
    angle = np.arcsin(np.sqrt(np.clip(np.append(resampled[measured], observed), 0, 1)))
    width = half_width(angle[:-1], draws[measured], level=level, units=units, least=_LEAST)
    centre = 2 * angle[-1] - angle[:-1].mean()
    low, high = np.sin(np.clip([centre - width, centre + width], 0, np.pi / 2)) ** 2
    return Interval(float(low), float(high))


def difference_interval(
    observed: float,
    resampled: NDArray[np.float64],
    draws: NDArray[np.int32],
    *,
    level: float,
    units: int | None = None,
) -> Interval | None:
    """The confidence interval of a difference of two scores of the same images; None where it is undefined.

    As `score_interval`, on the plain scale, and without a bias, which the two share.
    """
    require_level(level)
    measured = ~np.isnan(resampled)
    if np.isnan(observed) or measured.sum() < 2:
        return None
    width = half_width(resampled[measured], draws[measured], level=level, units=units)
    return Interval(max(-1.0, observed - width), min(1.0, observed + width))


def half_width(
    resampled: NDArray[np.float64],
    draws: NDArray[np.int32],
    *,
    level: float,
    units: int | None = None,
    least: int = 1,
) -> float:
    """Half the width of an interval, from the resamples (B,) and what was drawn in them (B, U).

    Student's t times the standard deviation of the resamples, times sqrt(n / (n - 1)) for n `units`: n drawn from n
    vary too little (Hesterberg 2015, The American Statistician 69:371). Its degrees of freedom are those of
    `freedom`, `least` at least and n - 1 at most.
    """
    n = draws.shape[1] if units is None else units
    spread = float(resampled.std(ddof=1)) * sqrt(n / (n - 1))
    return student(level, min(n - 1, max(least, round(freedom(resampled, draws))))) * spread


def freedom(resampled: NDArray[np.float64], draws: NDArray[np.int32]) -> float:
    """On how many independent units the standard deviation of the resamples rests, less one.

    A score may hang on a few of the units: those that show a rare class. By Satterthwaite, a variance that is the
    sum of squared influences u² has 2 (Σ u²)² / (Σ u⁴ - (Σ u²)² / n) degrees of freedom: n of normal influences.
    The influence of a unit is the covariance of the score and how often it was drawn (the infinitesimal jackknife:
    Efron 2014, JASA 109:991); what chance adds to its powers in B resamples is taken off.

    Args:
        resampled: (B,) the score in each resample.
        draws: (B, U) how often each unit was drawn in it.
    """
    count, n = len(draws), len(draws.T)
    off = resampled - resampled.mean()
    influence: NDArray[np.float64] = off @ (draws - draws.mean(0)) / count
    chance = float(off.var()) / count
    squares = float((influence**2).sum())
    second = squares - n * chance
    fourth = float((influence**4).sum()) - 6 * chance * squares + 3 * n * chance**2
    rest = fourth - second**2 / n
    if second <= 0 or rest <= 2 * second**2 / (n - 1):
        return n - 1.0
    return max(1.0, 2 * second**2 / rest)


@lru_cache(maxsize=64)
def student(level: float, degrees: int) -> float:
    """What a share `level` of Student's t with so many degrees of freedom is within.

    >>> round(student(0.95, 10), 3)
    2.228

    Raises:
        UsageError: `level` is not between 0 and 1.
    """
    require_level(level)
    share = beta_quantile(1 - level, degrees / 2, 0.5)  # of degrees / (degrees + t²)
    return sqrt(degrees * (1 - share) / share)


def interval(values: NDArray[np.float64], *, level: float) -> Interval:
    """Percentile interval of `values` (B,), leaving out NaN.

    Raises:
        UsageError: `level` is not between 0 and 1.
    """
    require_level(level)
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def require_level(level: float) -> None:
    """Fail where `level` is no share.

    Raises:
        UsageError: it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise UsageError(f"expected level between 0 and 1, found {level}", hint="0.95 is usual")
