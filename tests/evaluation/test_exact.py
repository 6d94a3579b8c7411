"""Exact bounds beside SciPy's, and the sample sizes that follow from them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from yolo_tl.errors import UsageError
from yolo_tl.evaluation import exact

LEVELS = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@st.composite
def counts(draw: st.DrawFn, most: int = 100_000) -> tuple[int, int]:
    units = draw(st.one_of(st.integers(1, 30), st.integers(1, most)))
    return draw(st.one_of(st.integers(0, min(units, 12)), st.integers(0, units))), units


@given(counts(), LEVELS)
def test_bounds_equal_scipy(pair: tuple[int, int], level: float) -> None:
    from scipy.stats import beta, binomtest

    failures, units = pair
    above = 1.0 if failures == units else beta.ppf(level, failures + 1, units - failures)
    below = 0.0 if failures == 0 else beta.ppf(1 - level, failures, units - failures + 1)
    assert exact.upper_bound(failures, units, level=level) == pytest.approx(above, abs=1e-9, rel=1e-7)
    assert exact.lower_bound(failures, units, level=level) == pytest.approx(below, abs=1e-9, rel=1e-7)
    theirs = binomtest(failures, units).proportion_ci(level, method="exact")
    assert exact.interval(failures, units, level=level) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(st.floats(0.01, 500), st.floats(0.01, 500), st.floats(0, 1))
def test_the_distribution_function_equals_scipy(a: float, b: float, x: float) -> None:
    from scipy.special import betainc

    assert exact.beta_cdf(x, a, b) == pytest.approx(betainc(a, b, x), abs=1e-11)


@given(counts(3000), LEVELS)
def test_more_failures_raise_the_bound_more_units_and_less_confidence_lower_it(
    pair: tuple[int, int], level: float
) -> None:
    failures, units = pair
    assume(failures < units)
    bound = exact.upper_bound(failures, units, level=level)
    assert failures / units < bound
    assert exact.upper_bound(failures + 1, units, level=level) > bound
    assert exact.upper_bound(failures, units + 1, level=level) < bound
    assert exact.upper_bound(failures, units, level=level * 0.9) < bound
    assert exact.lower_bound(failures, units, level=level) <= failures / units


@given(counts(3000), st.floats(0.001, 0.9), LEVELS)
def test_proven_is_what_the_bound_says(pair: tuple[int, int], limit: float, level: float) -> None:
    bound = exact.upper_bound(*pair, level=level)
    assume(abs(bound - limit) > 1e-9)
    assert exact.proven(*pair, limit, level=level) == (bound < limit)


@pytest.mark.parametrize(
    "level", ["0.5", "0.75", "0.9", "0.95", "0.99", "0.19", "0.36", "0.51", "0.84", "0.91", "0.999"]
)
def test_the_zero_failure_rule_is_exact(level: str) -> None:
    """In fractions: no rounding decides. Ties are among them: 0.9 ** 2 == 1 - 0.19, 0.1 ** 2 == 1 - 0.99."""
    for percent in [*range(1, 100), Fraction(1, 10)]:
        limit, doubt = Fraction(percent, 100), 1 - Fraction(level)
        units = exact.units_without_failure(float(limit), level=float(level))
        assert (1 - limit) ** units <= doubt
        assert units == 1 or (1 - limit) ** (units - 1) > doubt
        assert exact.proven(0, units, float(limit), level=float(level))
        assert units == 1 or not exact.proven(0, units - 1, float(limit), level=float(level))


@given(st.integers(0, 20), st.sampled_from([0.01, 0.05, 0.1, 0.5]), LEVELS)
def test_the_fewest_units_with_failures(failures: int, limit: float, level: float) -> None:
    units = exact.units_with_failures(failures, limit, level=level)
    assert units is not None
    assert exact.proven(failures, units, limit, level=level)
    assert units == 1 or failures == units - 1 or not exact.proven(failures, units - 1, limit, level=level)


@pytest.mark.parametrize(("rate", "limit"), [(0.0, 0.05), (0.02, 0.05), (0.03, 0.05), (2 / 68, 0.1), (0.3, 0.5)])
def test_the_units_needed_at_a_rate_are_the_fewest(rate: float, limit: float) -> None:
    sizes = (exact.units_with_failures(c, limit, level=0.95) for c in range(1000))
    wanted = next(n for c, n in enumerate(sizes) if n is not None and rate * n <= c + 1e-9)
    assert exact.units_at_rate(rate, limit, level=0.95) == wanted


@pytest.mark.parametrize("rate", [0.05, 0.0499999, 0.2, 1.0])
def test_a_rate_at_its_limit_is_never_proven(rate: float) -> None:
    assert exact.units_at_rate(rate, 0.05, level=0.95) is None


def test_a_limit_that_would_take_more_than_a_million() -> None:
    assert exact.units_with_failures(0, 1e-7, level=0.95) is None
    assert exact.units_with_failures(3, 1e-7, level=0.95) is None


@pytest.mark.parametrize("units", [1, 7, 10, 20, 25, 50, 100, 300])
def test_the_failures_that_a_rate_allows_are_exact(units: int) -> None:
    """A limit of 0.29 allows 29 failures of 100, though 0.29 * 100 is less than 29."""
    for percent in range(1, 100):
        allowed = exact.allowed_failures(units, percent / 100)
        assert allowed == percent * units // 100
        assert exact.within(allowed, units, percent / 100)
        assert not exact.within(allowed + 1, units, percent / 100)


@given(st.integers(1, 400), st.floats(0.001, 0.999), LEVELS)
def test_the_most_failures_that_are_a_proof(units: int, limit: float, level: float) -> None:
    provable = exact.provable_failures(units, limit, level=level)
    assert provable == max([-1, *(k for k in range(units + 1) if exact.proven(k, units, limit, level=level))])


@pytest.mark.parametrize(("failures", "units", "level"), [(-1, 3, 0.95), (4, 3, 0.95), (0, 0, 0.95), (0, 3, 1.0)])
def test_counts_that_are_none(failures: int, units: int, level: float) -> None:
    with pytest.raises(UsageError, match="expected"):
        exact.upper_bound(failures, units, level=level)
    with pytest.raises(UsageError, match="expected limit and level"):
        exact.units_without_failure(0.0, level=0.95)
