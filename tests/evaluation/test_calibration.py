"""Whether confidence is precision."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.evaluation import ImageResult, match
from yolo_tl.evaluation.bootstrap import Resampling
from yolo_tl.evaluation.calibration import bin_sums, calibration, calibration_errors

BOX = np.float32([[0, 0, 10, 10]])


def detector(images: int, *, honest: bool, seed: int = 0) -> list[ImageResult]:
    """One detection in each image, right as often as its confidence says, or less often."""
    rng = np.random.default_rng(seed)
    results = []
    for number, confidence in enumerate(rng.uniform(0.2, 1, images).astype(np.float32)):
        right = rng.random() < (confidence if honest else confidence**2)
        results.append(
            ImageResult(
                f"{number}.png", Detections(BOX + 50 * (not right), confidence[None], np.int64([0])), BOX, np.int64([0])
            )
        )
    return results


def test_by_the_definition(sample) -> None:
    results = sample(4, images=40, detections=30)
    confidence = np.concatenate([result.detections.confidence for result in results]).astype(float)
    hit = np.concatenate([match(result)[:, 0] for result in results])
    counted = confidence > 0.1
    confidence, hit = confidence[counted], hit[counted]
    found = calibration(results)
    error = 0.0
    for entry in found.bins:
        own = (confidence > np.float32(entry.low)) & (confidence <= np.float32(entry.high))
        assert entry.count == own.sum() > 0
        assert entry.confidence == pytest.approx(confidence[own].mean())
        assert entry.precision == pytest.approx(hit[own].mean())
        error += own.mean() * abs(confidence[own].mean() - hit[own].mean())
    assert found.ece == pytest.approx(error)
    assert found.mce == pytest.approx(max(abs(entry.confidence - entry.precision) for entry in found.bins))
    assert found.brier == pytest.approx(((confidence - hit) ** 2).mean())
    assert found.gap == pytest.approx((confidence - hit).mean())
    assert (found.count, len(found.bins)) == (len(confidence), 9)


def test_an_honest_detector_is_told_from_one_that_is_too_sure() -> None:
    drawn = Resampling.draw(600, resamples=200)
    honest, sure = (calibration(detector(600, honest=value), drawn) for value in (True, False))
    assert honest.ece < 0.08 < 0.1 < sure.ece
    assert sure.gap_interval.low > 0.05
    assert honest.gap_interval.low < 0 < honest.gap_interval.high
    assert honest.interval.low < 0.03, "what chance adds is allowed for"


@pytest.mark.parametrize(("confidence", "low"), [(0.2, 0.1), (0.7, 0.6), (0.70001, 0.7), (1.0, 0.9)])
def test_a_bin_has_its_upper_end(confidence: float, low: float) -> None:
    one = ImageResult("a.png", Detections(BOX, np.float32([confidence]), np.int64([0])), BOX, np.int64([0]))
    assert [entry.low for entry in calibration([one]).bins if entry.count] == [pytest.approx(low)]


def test_what_is_hardly_said_at_all_does_not_count() -> None:
    hardly = ImageResult("a.png", Detections(BOX, np.float32([0.1]), np.int64([0])), BOX, np.int64([0]))
    found = calibration([hardly, hardly], Resampling.draw(2, resamples=100))
    assert (found.count, found.ece, found.mce, found.brier, found.gap, found.interval) == (0, *[None] * 5)
    assert found.bins[0].precision is None
    assert json.loads(json.dumps(found.to_json()))["ci95"] == {"ece": None, "gap": None, "brier": None}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), weights=st.lists(st.integers(0, 3), min_size=2, max_size=8))
def test_a_weight_is_a_repetition(sample, seed: int, weights: list[int]) -> None:
    results = sample(seed, images=len(weights))
    repeated = [result for result, weight in zip(results, weights, strict=True) for _ in range(weight)]
    found = calibration_errors(bin_sums(results), np.array([weights], np.int32))[0]
    expected = calibration(repeated).ece
    assert np.isnan(found) if expected is None else found == pytest.approx(expected)


def test_one_image_has_no_interval() -> None:
    said, silent = detector(1, honest=True)[0], ImageResult("b.png", Detections.empty(), BOX, np.int64([0]))
    found = calibration([said, silent], Resampling.draw(2, resamples=100))
    assert found.ece is not None
    assert (found.interval, found.gap_interval, found.brier_interval) == (None, None, None)
