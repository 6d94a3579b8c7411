"""Do the intervals hold the truth? On detectors that were made up, whose true scores are known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import interval_coverage
from interval_coverage import CASES, report, study, table
from simulated_detector import Scene, simulate

from yolo_tl.evaluation import ImageResult, paired_difference


@pytest.fixture(scope="module")
def few() -> interval_coverage.Study:
    return study(CASES["few"], samples=200, resamples=200)


@pytest.mark.parametrize("score", ["mAP50-95", "mAP50", "recall", "F1", "confidence less precision", "Brier score"])
def test_95_percent_of_the_intervals_hold_the_truth(few: interval_coverage.Study, score: str) -> None:
    ours, _ = few.coverage(score)
    assert 0.93 <= ours <= 0.975


def test_percentiles_would_hold_it_less_often(few: interval_coverage.Study) -> None:
    ours, theirs = few.coverage("mAP50")
    assert theirs < 0.93 <= ours


@pytest.mark.parametrize("score", ["mAP50-95", "mAP50"])
def test_two_equals_differ_in_one_of_20_at_most(few: interval_coverage.Study, score: str) -> None:
    ours, theirs = few.rejected(score)
    assert ours <= 0.05 < theirs


def test_the_table_has_every_score(few: interval_coverage.Study) -> None:
    text = report({"few": few}, samples=200, resamples=200)
    assert all(f"| {score} |" in text for score in few.population)


def test_the_simulated_detector_is_no_accident() -> None:
    scene = Scene((2.0, 1.0), (1.0, 0.0), (1.0, 2.0))
    one, other = (simulate(scene, 40, seed, truth_seed=5) for seed in (1, 2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.truth_xyxy, b.truth_xyxy)
    assert any(len(a.detections) != len(b.detections) for a, b in zip(one, other, strict=True))
    once = np.ones((1, 4000), np.int32)
    scores = [table(simulate(scene, 4000, seed), ["a", "b"], once)["mAP50"][0][0] for seed in (3, 4)]
    assert scores[0] == pytest.approx(scores[1], abs=0.03)


def test_a_model_never_differs_from_itself() -> None:
    same: list[ImageResult] = simulate(CASES["few"].scene, 30, 0)
    assert paired_difference(same, same, ["a"], resamples=100).map50_95.low == 0
