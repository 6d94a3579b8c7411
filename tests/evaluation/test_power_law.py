from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from yolo_tl.errors import UsageError
from yolo_tl.evaluation.power_law import FAR, FittedCurve, MoreImages, PowerLaw, fit_curve, score_draws

SIZES = [25, 50, 100, 205]
DECIDED = {"beyond": 2050, "flat": False, "level": 0.95}


def drawn(law: PowerLaw, seed: int, *, common: float, run: float, draws: int = 250) -> FittedCurve:
    """A curve as it would be measured: one error that all sizes share, three runs of each size but the last."""
    rng = np.random.default_rng(seed)
    shared = rng.normal() * common
    repeats = [1 if n == SIZES[-1] else 3 for n in SIZES]
    runs = [score + shared + rng.normal(0, run, n) for n, score in zip(repeats, law.at(SIZES), strict=True)]
    moves = rng.normal(size=draws) * common
    scattered = score_draws(runs, [own[:, None] + moves for own in runs], seed=seed)
    return fit_curve(SIZES, [own.mean() for own in runs], scattered)


def exact(law: PowerLaw, sizes: list[int] = SIZES) -> FittedCurve:
    scores = law.at(sizes)
    return fit_curve(sizes, scores, np.tile(scores, (100, 1)))


@given(st.floats(0.3, 1.0), st.floats(0.05, 0.3), st.integers(5, 80))
def test_a_planted_law_is_found(a: float, lost: float, rate: int) -> None:
    """`lost` is what lacks at 25 images."""
    c = rate / 50
    law = PowerLaw(a, lost * 25**c, c)
    found = exact(law)
    assert (found.law.a, found.law.b, found.law.c) == pytest.approx((law.a, law.b, law.c), rel=1e-6)
    assert found.at(400)[0] == pytest.approx(float(law.at(400)), abs=1e-9)


def test_a_law_between_the_steps_of_the_grid_is_missed_by_little() -> None:
    law = PowerLaw(0.7, 1.1, 0.531)
    assert exact(law).at(2 * SIZES[-1])[0] == pytest.approx(float(law.at(2 * SIZES[-1])), abs=1e-3)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_it_is_the_least_squares_that_scipy_finds_for_any_c(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes, errors = np.array([10, 30, 90, 270, 800]), rng.uniform(0.005, 0.05, 5)
    scores = PowerLaw(rng.uniform(0.4, 1.1), rng.uniform(-0.5, 1.5), rng.uniform(0.1, 1.5)).at(sizes)
    scores += rng.normal(size=5) * errors
    draws = scores + errors * np.array([[1.0], [-1.0]])  # whose deviation is `errors`
    law = fit_curve(sizes.tolist(), scores, draws).law
    assert law.a <= 1
    assert law.b >= 0
    theirs = []
    for c in np.arange(1, 101) / 50:
        columns = np.stack([np.ones(5), -((sizes / 800) ** -c)], 1) / errors[:, None]
        theirs.append(2 * lsq_linear(columns, scores / errors, bounds=([-np.inf, 0], [1, np.inf])).cost)
    misses = float((((law.at(sizes) - scores) / errors) ** 2).sum())
    assert misses == pytest.approx(min(theirs), rel=1e-6, abs=1e-9)


def test_the_intervals_cover_what_they_speak_of() -> None:
    law = PowerLaw(0.7, 1.0, 0.5)
    score, more = float(law.at(410)), (law.b / (law.a - float(law.at(205)) - 0.02)) ** (1 / law.c) - 205
    hits = np.zeros(2)
    for seed in range(200):
        found = drawn(law, seed, common=0.012, run=0.008)
        (_, inside), told = found.at(410), found.more_for(0.02)
        assert not told.flat
        hits += inside.low <= score <= inside.high, (told.low or math.inf) <= more <= (told.high or math.inf)
    assert (hits >= 0.91 * 200).all()
    assert (hits <= 0.995 * 200).all()


def test_a_flat_curve_says_that_it_cannot_tell() -> None:
    told = [drawn(PowerLaw(0.6, 0.0, 0.5), seed, common=0.012, run=0.008).more_for(0.02) for seed in range(60)]
    assert sum(more.flat for more in told) >= 54
    for more in told:
        if more.flat:
            assert (more.images, more.low, more.high) == (None, None, None)
            assert more.describe() == "how many more images for 0.02 cannot be said: the curve is flat within its error"


def test_a_noisy_curve_says_that_it_cannot_tell() -> None:
    told = [drawn(PowerLaw(0.6, 0.3, 0.5), seed, common=0.02, run=0.05).more_for(0.02) for seed in range(60)]
    bounded = sum(more.high is not None for more in told)
    assert bounded <= 6, "an upper bound from noise"


def test_a_falling_curve_is_flat() -> None:
    scores = np.array([0.6, 0.58, 0.55, 0.5])
    found = fit_curve(SIZES, scores, scores + np.random.default_rng(0).normal(0, 0.01, (300, 4)))
    assert found.law.b == 0
    assert found.flat


def test_a_curve_that_has_levelled_off_is_out_of_reach() -> None:
    more = exact(PowerLaw(0.61, 5.0, 1.2)).more_for(0.02)
    assert (more.images, more.low, more.high, more.flat) == (None, None, None, False)
    assert more.describe() == "more than 2050 more images for 0.02, or out of reach: the curve levels off"


def test_without_noise_it_is_the_law_turned_round() -> None:
    law = PowerLaw(0.9, 0.8, 0.3)
    more = exact(law).more_for(0.03)
    assert more.images == more.low == more.high
    assert float(law.at(205 + more.images)) >= float(law.at(205)) + 0.03 > float(law.at(205 + more.images - 1))


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        ((123, 61, 404), "about 120 more images for 0.02 (95 %: 61 to 400)"),
        ((123, 61, None), "about 120 more images for 0.02 (95 %: more than 61, an upper bound cannot be said)"),
        ((None, 618, None), "more than 620 more images for 0.02; how many more cannot be said"),
    ],
)
def test_the_sentence(bounds: tuple[int | None, int, int | None], sentence: str) -> None:
    images, low, high = bounds
    more = MoreImages(0.02, images, low, high, **DECIDED)
    assert more.describe() == sentence
    assert more.to_json()["sentence"] == sentence


def test_nothing_is_said_far_away() -> None:
    law = PowerLaw(1.0, 0.8, 0.1)
    near, far = (exact(law).more_for(gain) for gain in (0.05, 0.15))
    assert near.images is not None
    assert near.images < FAR * 205 == far.beyond
    assert far.images is None


def test_draws_share_the_images_and_scatter_by_the_runs() -> None:
    rng = np.random.default_rng(0)
    moves = rng.normal(0, 0.02, 4000)
    runs = [np.array([0.30, 0.34, 0.32]), np.array([0.40, 0.44, 0.42]), np.array([0.5])]
    found = score_draws(runs, [own[:, None] + moves for own in runs])
    assert found.mean(0) == pytest.approx([0.32, 0.42, 0.5], abs=0.002)
    # 0.02 between runs; t with 4 degrees of freedom has twice the variance.
    scatter = (found - moves[:, None]).std(0)
    assert scatter == pytest.approx(np.array([1 / 3**0.5, 1 / 3**0.5, 1]) * 0.02 * 2**0.5, rel=0.15)
    alone = score_draws([own[:1] for own in runs], [own[:1, None] + moves for own in runs])
    assert alone - (moves - moves.mean())[:, None] == pytest.approx(np.tile([0.30, 0.40, 0.5], (4000, 1)))


def test_what_could_not_be_scored_is_left_out() -> None:
    resampled = [np.array([[0.1, np.nan, 0.3]]), np.array([[0.2, 0.2, 0.4]])]
    # What is left varies by 0.2 in both, around the scores.
    assert score_draws([[0.1], [0.2]], resampled) == pytest.approx(np.array([[0.0, 0.1], [0.2, 0.3]]))


@pytest.mark.parametrize("sizes", [[25, 50], [25, 50, 50], [50, 25, 100], [0, 25, 50]])
def test_too_few_sizes_are_no_curve(sizes: list[int]) -> None:
    with pytest.raises(UsageError, match="expected 3 or more rising numbers"):
        fit_curve(sizes, [0.1] * len(sizes), np.zeros((10, len(sizes))))


def test_a_gain_has_to_be_one() -> None:
    with pytest.raises(UsageError, match="above 0"):
        exact(PowerLaw(0.7, 1.0, 0.5)).more_for(0.0)


def test_the_json_says_twice_the_images() -> None:
    plain = exact(PowerLaw(0.7, 1.0, 0.5)).to_json()
    assert list(plain["at"]) == ["25", "50", "100", "205", "410"]
    assert plain["at"]["410"]["score"] == pytest.approx(0.7 - 410**-0.5)
    assert plain["flat"] is False
