"""Exact binomial bounds: what k failures in n units say about the rate of failures, with no approximation.

Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26(4). The bounds are quantiles of the beta distribution, found here by bisection of its distribution
function, which is a continued fraction (Numerical Recipes, 6.4): SciPy is not needed.

They hold for units that fail independently of each other.
"""

from __future__ import annotations

import math

from yolo_tl.errors import UsageError

MOST_UNITS = 1_000_000  # a sample larger than this is not worth a number

_SLACK = 1e-9  # of a count that was made of decimals: 0.05 * 40 may be 2.0000000000000004, and is 2


def upper_bound(failures: int, units: int, *, level: float) -> float:
    """The rate that the true one is below with confidence `level`, one-sided.

    >>> round(upper_bound(0, 59, level=0.95), 4)
    0.0495
    """
    _require(failures, units, level)
    return 1.0 if failures == units else beta_quantile(level, failures + 1, units - failures)


def lower_bound(failures: int, units: int, *, level: float) -> float:
    """The rate that the true one is above with confidence `level`, one-sided."""
    _require(failures, units, level)
    return 0.0 if failures == 0 else beta_quantile(1 - level, failures, units - failures + 1)


def interval(failures: int, units: int, *, level: float) -> tuple[float, float]:
    """The two-sided Clopper-Pearson interval; it holds the true rate with at least confidence `level`.

    >>> [round(end, 4) for end in interval(2, 72, level=0.95)]
    [0.0034, 0.0968]
    """
    side = (1 + level) / 2
    return lower_bound(failures, units, level=side), upper_bound(failures, units, level=side)


def within(failures: int, units: int, limit: float) -> bool:
    """Whether the observed rate is at most `limit`."""
    return failures <= limit * units + _SLACK


def proven(failures: int, units: int, limit: float, *, level: float) -> bool:
    """Whether the upper bound is at most `limit`: so few failures are improbable at a rate of `limit`."""
    _require(failures, units, level)
    return failures < units and beta_cdf(limit, failures + 1, units - failures) >= level - 1e-12


def allowed_failures(units: int, limit: float) -> int:
    """The most failures whose observed rate is at most `limit`."""
    return min(units, math.floor(limit * units + _SLACK))


def provable_failures(units: int, limit: float, *, level: float) -> int:
    """The most failures whose upper bound is at most `limit`; -1 where even none would not prove it."""
    low, high = -1, units
    while low < high:
        middle = (low + high + 1) // 2
        if proven(middle, units, limit, level=level):
            low = middle
        else:
            high = middle - 1
    return low


def units_without_failure(limit: float, *, level: float) -> int:
    """The fewest units of which none may fail to show a rate of at most `limit` with confidence `level`.

    n ≥ ln(1 - level) / ln(1 - limit).

    >>> units_without_failure(0.05, level=0.95), units_without_failure(0.01, level=0.95)
    (59, 299)
    """
    _require_shares(limit, level)
    return max(1, math.ceil(math.log1p(-level) / math.log1p(-limit) - _SLACK))


def units_with_failures(failures: int, limit: float, *, level: float) -> int | None:
    """The fewest units of which `failures` may fail to show a rate of at most `limit`.

    None where they would be more than `MOST_UNITS`.
    """
    _require_shares(limit, level)
    if failures == 0:
        found = units_without_failure(limit, level=level)
        return found if found <= MOST_UNITS else None
    low, high = failures, failures + 1  # `low` is too few
    while high < MOST_UNITS and not proven(failures, high, limit, level=level):
        low, high = high, min(2 * high, MOST_UNITS)
    if not proven(failures, high, limit, level=level):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proven(failures, middle, limit, level=level) else (middle, high)
    return high


def units_at_rate(rate: float, limit: float, *, level: float) -> int | None:
    """The fewest units that show a rate of at most `limit`, if failures come at `rate`.

    Of the samples in which c failures are still a proof, the smallest in which no more than c are expected.
    None where they would be more than `MOST_UNITS`, as from `rate` = `limit` on.
    """
    _require_shares(limit, level)
    if rate >= limit:
        return None

    def enough(failures: int) -> int | None:
        units = units_with_failures(failures, limit, level=level)
        return units if units is not None and rate * units <= failures + _SLACK else None

    low, high = -1, 0
    while enough(high) is None:
        if units_with_failures(high, limit, level=level) is None:
            return None
        low, high = high, 2 * high + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if enough(middle) is None else (low, middle)
    return enough(high)


def beta_quantile(share: float, a: float, b: float) -> float:
    """The x at which the distribution function of Beta(a, b) is `share`, to the last digits."""
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2
        if not low < middle < high or high - low <= 1e-16 * high:
            return middle
        if beta_cdf(middle, a, b) < share:
            low = middle
        else:
            high = middle


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the continued fraction of the other tail is the quick one
        return 1 - beta_cdf(1 - x, b, a)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(scale) * _continued_fraction(x, a, b) / a


def _continued_fraction(x: float, a: float, b: float) -> float:
    """By Lentz's method; about sqrt(max(a, b)) steps."""
    tiny = 1e-300
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1), tiny)
    value, m = d, 0
    while True:
        m += 1
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _apart(1 + step * d, tiny)
            c = _apart(1 + step / c, tiny)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            return value


def _apart(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


def _require(failures: int, units: int, level: float) -> None:
    if not 0 <= failures <= units or units == 0:
        raise UsageError(f"expected failures of 0 to {units} units, and at least one unit, found {failures}")
    if not 0 < level < 1:
        raise UsageError(f"expected level between 0 and 1, found {level}", hint="0.95 is usual")


def _require_shares(limit: float, level: float) -> None:
    if not 0 < limit < 1 or not 0 < level < 1:
        raise UsageError(f"expected limit and level between 0 and 1, found {limit} and {level}")
