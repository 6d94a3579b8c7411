"""The power law of learning curves, score(n) = a − b·n^(−c), with an interval for what it says of other sizes.

The form is that of Hestness et al. 2017 (arXiv 1712.00409) and of Mahmood et al. 2022, "How much more data do I need?"
(CVPR): a is where the curve levels off, c how fast. For a given c the best a and b have a closed form, so c is looked
for on a grid, and a thousand refits take milliseconds: no optimizer, no start values, nothing that does not converge.

How sure the curve is comes from refitting it to scores as other images and other subsets would have given them. What
that does not know is whether the law holds: it is known to fail for a handful of images of a class (Jain et al. 2023,
arXiv 2303.01598), and to promise too much far from what was measured. So nothing is said beyond `FAR` times the images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from yolo_tl.errors import UsageError
from yolo_tl.evaluation.intervals import Interval, interval

Floats = NDArray[np.float64]

FAR = 10  # times the most images that were measured
FEWEST = 3  # sizes, for the three parameters

_RATES = np.arange(1, 101) / 50  # the c that are tried: 0.02 to 2
_LEAST_ERROR = 1e-3  # of a mean score; less would let one size decide everything


@dataclass(frozen=True)
class PowerLaw:
    """score(n) = a − b·n^(−c), with a ≤ 1, b ≥ 0 and 0 < c ≤ 2."""

    a: float
    b: float
    c: float

    def at(self, images: ArrayLike) -> Floats:
        """The score at each number of images."""
        result: Floats = self.a - self.b * np.asarray(images, np.float64) ** -self.c
        return result


@dataclass(frozen=True)
class MeanScore:
    """What was measured at one size.

    Attributes:
        images: the size.
        score: mean of its runs.
        interval: of that mean.
        runs: how many there are.
    """

    images: int
    score: float
    interval: Interval
    runs: int


@dataclass(frozen=True)
class MoreImages:
    """How many more images raise the score by `gain`: the median of the refits, and their interval.

    A bound is None where it is unbounded: more than `FAR` times the images of the curve, or never.

    Attributes:
        gain: by how much the score is to rise.
        images: the median.
        low, high: the interval.
        beyond: the number above which a bound is called unbounded.
        flat: the curve does not rise by more than its error, so that nothing can be said.
        level: of the interval.
    """

    gain: float
    images: int | None
    low: int | None
    high: int | None
    beyond: int
    flat: bool
    level: float

    def describe(self) -> str:
        """``about 120 more images for 0.02 (95 %: 60 to 400)``, or why it cannot be said."""
        gain, level = f"{self.gain:g}", f"{100 * self.level:g} %"
        if self.flat:
            return f"how many more images for {gain} cannot be said: the curve is flat within its error"
        if self.low is None:
            return f"more than {self.beyond} more images for {gain}, or out of reach: the curve levels off"
        if self.images is None:
            return f"more than {_short(self.low)} more images for {gain}; how many more cannot be said"
        if self.high is None:
            return (
                f"about {_short(self.images)} more images for {gain} "
                f"({level}: more than {_short(self.low)}, an upper bound cannot be said)"
            )
        return (
            f"about {_short(self.images)} more images for {gain} ({level}: {_short(self.low)} to {_short(self.high)})"
        )

    def to_json(self) -> dict[str, Any]:
        """The fields, and the sentence."""
        return {**asdict(self), "sentence": self.describe()}


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """A power law through the scores of K sizes, and B refits of it.

    Attributes:
        law: the fit to the scores themselves.
        images: (K,) the sizes, rising.
        refits: (B, 3) a, b and c of each refit.
        level: of every interval.
    """

    law: PowerLaw
    images: NDArray[np.int64]
    refits: Floats
    level: float

    def at(self, images: float) -> tuple[float, Interval]:
        """The score at a number of images: the median of the refits, and their interval."""
        found = self._refits_at(images)
        return float(np.median(found)), interval(found, level=self.level)

    @property
    def flat(self) -> bool:
        """The score at the most images is not above that at the fewest by more than its error."""
        rise = self._refits_at(self.images[-1]) - self._refits_at(self.images[0])
        return bool(np.quantile(rise, (1 - self.level) / 2) <= 1e-6)

    def more_for(self, gain: float) -> MoreImages:
        """How many more images than the most that were measured raise the score by `gain`.

        Raises:
            UsageError: the gain is not above 0.
        """
        if not gain > 0:
            raise UsageError(f"expected a gain above 0, found {gain:g}", hint="0.02 is 2 points of mAP50-95")
        now = int(self.images[-1])
        a, b, c = self.refits.T
        left = a - self._refits_at(now) - gain  # to where the curve levels off, from where it is to go
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            more = np.where(left > 0, (b / left) ** (1 / c) - now, np.inf)
        tail = (1 - self.level) / 2
        # Not interpolated: between a number and infinity there is none.
        low, median, high = np.quantile(more, [tail, 0.5, 1 - tail], method="inverted_cdf").tolist()
        beyond = FAR * now
        flat = self.flat
        images, least, most = (None if flat or n > beyond else math.ceil(n) for n in (median, low, high))
        return MoreImages(gain, images, least, most, beyond, flat, self.level)

    def _refits_at(self, images: float) -> Floats:
        a, b, c = self.refits.T
        found: Floats = a - b * float(images) ** -c
        return found

    def to_json(self) -> dict[str, Any]:
        """The law, and what it says at the sizes that were measured and at twice the most."""
        sizes = [*self.images.tolist(), 2 * int(self.images[-1])]
        said = {str(n): self.at(n) for n in sizes}
        return {
            **asdict(self.law),
            "flat": self.flat,
            "level": self.level,
            "at": {n: {"score": value, "low": inside.low, "high": inside.high} for n, (value, inside) in said.items()},
        }


def fit_curve(images: Sequence[int], scores: ArrayLike, draws: ArrayLike, *, level: float = 0.95) -> FittedCurve:
    """Fit the law to the mean scores of K sizes, each weighted by its error, and refit it to draws of them.

    Args:
        images: K different sizes, rising.
        scores: (K,) the mean score of each.
        draws: (B, K) the scores as they might have come out: see `score_draws`. Their deviation is the error.
        level: share of the refits inside the intervals.

    Raises:
        UsageError: fewer than three sizes, or sizes that do not rise.
    """
    sizes = np.asarray(images, np.int64)
    if len(sizes) < FEWEST or (np.diff(sizes) <= 0).any() or sizes[0] < 1:
        raise UsageError(
            f"expected {FEWEST} or more rising numbers of images, found {list(images)}",
            hint="two sizes lie on every curve: measure at more of them",
        )
    drawn = np.asarray(draws, np.float64)
    weights = 1 / np.maximum(drawn.std(0), _LEAST_ERROR) ** 2
    ((a, b, c),) = _fit(sizes, np.asarray(scores, np.float64)[None], weights).tolist()
    return FittedCurve(PowerLaw(a, b, c), sizes, _fit(sizes, drawn, weights), level)


def score_draws(scores: Sequence[ArrayLike], resampled: Sequence[ArrayLike], *, seed: int = 0) -> Floats:
    """Mean scores (B, K) of K sizes as other test images and other subsets would have given them.

    Images: each draw is one resampling of the images, the same for all runs, so that what an easy or a hard image
    does to all of them does not count as a difference between sizes. Average precision reads high in a resample, so
    the draws are centred on the scores. Subsets: the runs of a size differ by which
    images they were trained on and by chance. Three runs are too few to be resampled (their bootstrap deviation is
    0.8 of the true one, and that of a single run is 0), so a normal deviate is added, with the deviation between
    runs pooled over the sizes that have several, and itself drawn from what so few runs leave open (Student's t).

    Args:
        scores: for each size (R,) the score of each of its runs.
        resampled: for each size (R, B) the scores of its runs on B resamplings of the images; NaN where a
            resampling could not be scored, which is then left out.
        seed: of the deviates.
    """
    values = [np.asarray(one, np.float64) for one in scores]
    drawn: Floats = np.stack([np.asarray(one, np.float64).mean(0) for one in resampled], axis=1)
    drawn = drawn[~np.isnan(drawn).any(1)]  # (B, K)
    drawn += np.array([one.mean() for one in values]) - drawn.mean(0)
    runs = np.array([len(one) for one in values])
    free = int((runs - 1).sum())
    if not free:
        return drawn
    variance = sum(float(((one - one.mean()) ** 2).sum()) for one in values) / free
    rng = np.random.default_rng(seed)
    scale = np.sqrt(variance * free / rng.chisquare(free, len(drawn)))
    moved: Floats = drawn + rng.normal(size=drawn.shape) * scale[:, None] / np.sqrt(runs)
    return moved


def _fit(sizes: NDArray[np.int64], scores: Floats, weights: Floats) -> Floats:
    """(B, 3) the weighted least squares a, b and c for each row of `scores` (B, K), by trying every c.

    For one c the score is a straight line in n^(−c). Where that line breaks a constraint the best one that keeps
    them lies on the constraint, because the sum of squares is convex: a = 1, or b = 0.
    """
    w = weights / weights.sum()
    most = float(sizes[-1])
    mean = scores @ w
    best = np.full(len(scores), np.inf)
    found = np.zeros((len(scores), 3))
    for c in _RATES.tolist():
        x = (sizes / most) ** -c  # b in units of the score at the most images: no overflow
        centre = x @ w
        slope = np.maximum(-(scores @ (w * (x - centre))) / (w @ (x - centre) ** 2), 0)
        level = mean + slope * centre
        on_top = np.maximum((1 - scores) @ (w * x) / (w @ x**2), 0)
        over = level > 1
        a, b = np.where(over, 1.0, level), np.where(over, on_top, slope)
        misses = (a[:, None] - b[:, None] * x - scores) ** 2 @ w
        better = misses < best
        best = np.where(better, misses, best)
        found[better] = np.stack([a, b * most**c, np.full_like(a, c)], 1)[better]
    return found


def _short(images: int) -> str:
    """Two figures are as much as anyone knows.

    >>> _short(123), _short(7), _short(1960)
    ('120', '7', '2000')
    """
    digits = max(0, len(str(images)) - 2)
    return str(round(images, -digits))
