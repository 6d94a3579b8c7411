"""The form of an interval, on scores whose distribution is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.errors import UsageError
from yolo_tl.evaluation.bootstrap import resample
from yolo_tl.evaluation.intervals import difference_interval, freedom, half_width, interval, score_interval, student


def mean_of(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    return draws @ values / draws.sum(1)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("degrees", [1, 2, 10, 86, 5000])
def test_student_is_that_of_scipy(level: float, degrees: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    assert student(level, degrees) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees), rel=1e-9)


@pytest.mark.parametrize("images", [5, 20, 100])
def test_half_a_width_is_that_of_the_textbook_for_a_mean(images: int) -> None:
    values = np.random.default_rng(images).normal(0.5, 0.1, images)
    draws = resample(images, resamples=20_000, seed=0)
    textbook = student(0.95, images - 1) * values.std(ddof=1) / np.sqrt(images)
    found = half_width(mean_of(values, draws), draws, level=0.95, least=images - 1)
    assert found == pytest.approx(textbook, rel=0.03)


@pytest.mark.parametrize("few", [1, 4, 12, 200])
def test_freedom_is_that_of_the_influences(few: int) -> None:
    values = np.zeros(200)
    values[:few] = np.random.default_rng(few).normal(size=few)
    influence = values - values.mean()
    squares, fourths = (influence**2).sum(), (influence**4).sum()
    expected = min(199, 2 * squares**2 / (fourths - squares**2 / 200))
    draws = resample(200, resamples=2000, seed=0)
    assert freedom(mean_of(values, draws), draws) == pytest.approx(expected, rel=0.3)
    assert few < 200 or expected > 100


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.floats(0.5, 0.99))
def test_an_interval_of_a_score_stays_within_0_to_1_and_in_order(values: list[float], level: float) -> None:
    draws = resample(len(values), resamples=100, seed=0)
    found = score_interval(float(np.mean(values)), mean_of(np.array(values), draws), draws, level=level)
    assert 0 <= found.low <= found.high <= 1


def test_what_the_resamples_say_too_high_is_taken_off() -> None:
    draws = resample(50, resamples=2000, seed=0)
    spread = np.random.default_rng(0).normal(0, 0.03, 2000)
    plain, biased = (score_interval(0.5, 0.5 + bias + spread, draws, level=0.95) for bias in (0.0, 0.02))
    assert biased.low == pytest.approx(plain.low - 0.02, abs=0.002)
    assert biased.high == pytest.approx(plain.high - 0.02, abs=0.002)
    assert difference_interval(0.5, 0.5 + spread + 0.02, draws, level=0.95) == pytest.approx(
        difference_interval(0.5, 0.5 + spread, draws, level=0.95)
    )


def test_resamples_that_all_agree_do_not_make_certain() -> None:
    draws = resample(30, resamples=100, seed=0)
    found = score_interval(1.0, np.ones(100), draws, level=0.95)
    # The bound of Clopper and Pearson for none in 30, two-sided: 1 - 0.025 ** (1 / 30).
    assert [found.low, found.high] == pytest.approx([0.025 ** (1 / 30), 1])
    few = score_interval(1.0, np.ones(100), draws, level=0.95, units=5)
    assert few.low == pytest.approx(0.025 ** (1 / 5))
    middle = score_interval(0.5, np.full(100, 0.5), draws, level=0.95)
    assert middle.low == pytest.approx(0.5 - (1 - 0.025 ** (1 / 30)))


def test_a_model_does_not_differ_from_itself() -> None:
    draws = resample(30, resamples=100, seed=0)
    found = difference_interval(0.0, np.zeros(100), draws, level=0.95)
    assert (found.low, found.high) == (0, 0)


def test_resamples_that_measure_nothing_are_left_out() -> None:
    draws = resample(30, resamples=300, seed=0)
    values = mean_of(np.random.default_rng(0).random(30), draws)
    holes = values.copy()
    holes[::3] = np.nan
    kept = ~np.isnan(holes)
    assert score_interval(0.5, holes, draws, level=0.9) == score_interval(0.5, values[kept], draws[kept], level=0.9)
    assert score_interval(0.5, np.full(300, np.nan), draws, level=0.9) is None
    assert score_interval(float("nan"), values, draws, level=0.9) is None
    assert difference_interval(float("nan"), values, draws, level=0.9) is None


def test_percentiles() -> None:
    found = interval(np.array([*np.linspace(0, 1, 101), np.nan]), level=0.9)
    assert [found.low, found.high] == pytest.approx([0.05, 0.95])


@pytest.mark.parametrize("level", [0, 1, 95, float("nan")])
def test_a_level_that_is_no_share_is_refused(level: float) -> None:
    draws = resample(5, resamples=100, seed=0)
    for call in (
        lambda: interval(np.zeros(3), level=level),
        lambda: student(level, 3),
        lambda: score_interval(0.5, np.ones(100), draws, level=level),
        lambda: difference_interval(0.5, np.ones(100), draws, level=level),
    ):
        with pytest.raises(UsageError, match="level between 0 and 1"):
            call()
