from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student_t

from yolo_tl.evaluation.seeds import two_way

NORMAL = 1.959964


class Trial:
    """Two recipes whose score is the mean over images of additive effects: of the run, the image, and both."""

    def __init__(
        self, seed: int, *, runs: tuple[int, int] = (3, 3), images: int = 50, resamples: int = 400, **effects: float
    ) -> None:
        rng = np.random.default_rng(seed)
        self.draws = rng.multinomial(images, np.full(images, 1 / images), size=resamples)
        self.units = [images]
        hard = rng.normal(0, effects.get("image", 0.1), images)
        of_run, both = effects.get("run", 0.02), effects.get("both", 0.14)
        values = [
            hard + of_run * rng.standard_normal((count, 1)) + both * rng.standard_normal((count, images))
            for count in runs
        ]
        weights = np.concatenate([np.ones((1, images)), self.draws]) / images
        self.a, self.b = ((each @ weights.T)[:, None] for each in values)

    def change(self, *, paired: bool = True) -> np.ndarray:
        found = two_way(self.a, self.b, paired=paired, draws=self.draws, units=self.units, level=0.95, seed=0)
        return found[0]


def half_width(found: np.ndarray) -> float:
    low, high = np.quantile(found[1:], [0.025, 0.975])
    return float(high - low) / 2


def test_one_run_of_each_is_the_resampled_images_stretched_for_their_number() -> None:
    trial = Trial(1, runs=(1, 1), images=12)
    found, plain = trial.change(), (trial.a - trial.b)[0, 0]
    assert found[0] == plain[0]
    stretch = (found[1:] - found[0]) / (plain[1:] - plain[0])
    assert np.ptp(stretch) < 1e-9
    assert stretch[0] >= student_t.ppf(0.975, 11) / NORMAL * np.sqrt(12 / 11) - 1e-4
    trial.units = [5]
    assert half_width(trial.change()) > half_width(found), "fewer images have something to do with it"
    large = Trial(1, runs=(1, 1), images=3000)
    assert large.change() == pytest.approx((large.a - large.b)[0, 0], abs=2e-4)


def test_where_only_seeds_vary_the_interval_is_that_of_the_paired_t_test() -> None:
    trial = Trial(1, image=0, both=0, resamples=20_000)
    change = (trial.a - trial.b)[:, 0, 0]
    found = trial.change()
    assert found[0] == pytest.approx(change.mean())
    assert half_width(found) == pytest.approx(student_t.ppf(0.975, 2) * change.std(ddof=1) / np.sqrt(3), rel=0.03)


def test_where_only_seeds_vary_and_are_not_paired_the_interval_is_that_of_welchs_test() -> None:
    trial = Trial(2, runs=(4, 3), image=0, both=0, resamples=20_000)
    parts = [(each[:, 0, 0].var(ddof=1) / len(each), len(each) - 1) for each in (trial.a, trial.b)]
    freedom = round(sum(v for v, _ in parts) ** 2 / sum(v**2 / degrees for v, degrees in parts))
    expected = student_t.ppf(0.975, freedom) * sum(v for v, _ in parts) ** 0.5
    assert half_width(trial.change(paired=False)) == pytest.approx(expected, rel=0.03)


def test_pairing_cancels_what_the_seeds_share() -> None:
    trial = Trial(3, runs=(4, 4), run=0.05)
    trial.b = trial.a + 0.01 * (trial.b - trial.a)
    assert half_width(trial.change()) < 0.2 * half_width(trial.change(paired=False))


def test_one_run_against_three_has_the_seeds_of_the_three() -> None:
    trial = Trial(4, runs=(1, 3), run=0.1)
    both = half_width(trial.change(paired=False))
    assert both > 1.96 * trial.b[:, 0, 0].std(ddof=1) / np.sqrt(3)
    trial.b = trial.b[:1]
    assert both > 2 * half_width(trial.change())


@pytest.mark.parametrize("run", [0.0, 0.02])
def test_seeds_of_equal_recipes_differ_in_at_most_5_percent(run: float) -> None:
    trials = [Trial(seed, run=run, resamples=200).change()[1:] for seed in range(400)]
    ends = np.quantile(trials, [0.025, 0.975], axis=1)
    rejected = float(((ends[0] > 0) | (ends[1] < 0)).mean())
    assert rejected <= 0.05
    if run:  # which resampling the images alone would not do
        alone = [Trial(seed, run=run, resamples=200) for seed in range(400)]
        ends = np.quantile([(t.a - t.b).mean(0)[0, 1:] for t in alone], [0.025, 0.975], axis=1)
        assert ((ends[0] > 0) | (ends[1] < 0)).mean() > 2 * rejected
