"""Precision, recall and F1 at a threshold."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError, UsageError
from yolo_tl.evaluation import ImageResult, match
from yolo_tl.evaluation.bootstrap import Resampling
from yolo_tl.evaluation.operating import Kind, operating_point, outcome_counts, outcomes, rate_scores

NAMES = ["red", "white", "platelet"]
BOX = np.float32([[0, 0, 10, 10]])
FAR = BOX + 50


def test_what_becomes_of_each_box() -> None:
    said = Detections(np.concatenate([BOX, BOX, FAR, BOX]), np.float32([0.9, 0.8, 0.7, 0.2]), np.int64([0, 0, 1, 0]))
    result = ImageResult("a.png", said, np.concatenate([BOX, FAR]), np.int64([0, 0]))
    found = outcomes(result, 0.5)
    assert found.detection_kind.tolist() == [Kind.HIT, Kind.FALSE_ALARM, Kind.FALSE_ALARM, Kind.BELOW]
    assert found.truth_found.tolist() == [True, False]
    assert found.claims.tolist() == [0, -1, -1, -1]
    assert outcomes(result, [0.85, 0.5, 0.5]).detection_kind.tolist()[1] == Kind.BELOW


def test_a_detection_at_the_threshold_is_not_above_it() -> None:
    result = ImageResult("a.png", Detections(BOX, np.float32([0.3]), np.int64([0])), BOX, np.int64([0]))
    for threshold in (0.3, [0.3, 0.3, 0.3]):
        assert outcomes(result, threshold).detection_kind.tolist() == [Kind.BELOW]
    assert outcomes(result, 0.2999).detection_kind.tolist() == [Kind.HIT]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), threshold=st.floats(0, 1), other=st.floats(0, 1))
def test_rates_are_shares_of_counts(sample, seed: int, threshold: float, other: float) -> None:
    results = sample(seed, images=6)
    limits = [threshold, other, threshold]
    found = operating_point(results, NAMES, limits)
    for number, rates in enumerate(found.per_class):
        hits = said = true = 0
        for result in results:
            kept = (result.detections.class_id == number) & (result.detections.confidence > np.float32(limits[number]))
            hits += int((match(result)[:, 0] & kept).sum())
            said += int(kept.sum())
            true += int((result.truth_class == number).sum())
        assert (rates.hits, rates.false_alarms, rates.missed) == (hits, said - hits, true - hits)
        assert rates.precision == (pytest.approx(hits / said) if said else None)
        assert rates.recall == (pytest.approx(hits / true) if true else None)
        assert rates.f1 == (pytest.approx(2 * hits / (said + true)) if true else None)
    assert found.overall.hits == sum(rates.hits for rates in found.per_class)
    assert found.overall.missed == sum(rates.missed for rates in found.per_class)
    assert (found.precision, found.recall, found.f1) == (
        found.overall.precision,
        found.overall.recall,
        found.overall.f1,
    )


def test_a_class_that_nothing_shows_is_not_measurable() -> None:
    alarm = ImageResult("a.png", Detections(FAR, np.float32([0.9]), np.int64([2])), BOX, np.int64([0]))
    red, white, platelet = operating_point([alarm], NAMES, 0.5).per_class
    assert (red.precision, red.recall, red.f1) == (None, 0, 0)
    assert (white.precision, white.recall, white.f1) == (None, None, None)
    assert (platelet.precision, platelet.recall, platelet.f1) == (0, None, None)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), weights=st.lists(st.integers(0, 3), min_size=2, max_size=8))
def test_a_weight_is_a_repetition(sample, seed: int, weights: list[int]) -> None:
    results = sample(seed, images=len(weights))
    repeated = [result for result, weight in zip(results, weights, strict=True) for _ in range(weight)]
    found = rate_scores(outcome_counts(results, NAMES, 0.3), np.array([weights], np.int32))[:, :, 0]
    again = operating_point(repeated, NAMES, 0.3)
    expected = [[getattr(r, key) for r in (again.overall, *again.per_class)] for key in ("precision", "recall", "f1")]
    np.testing.assert_allclose(found, np.array(expected, float), atol=1e-12)


def test_intervals_surround_the_rates_and_are_only_where_there_is_evidence(sample) -> None:
    results = sample(3, images=40, classes=2)
    found = operating_point(results, NAMES, 0.3, Resampling.draw(40, resamples=200))
    for rates in (found.overall, *found.per_class[:2]):
        for key, interval in rates.intervals.items():
            assert interval.low <= getattr(rates, key) <= interval.high
            assert interval.high - interval.low > 0.01
    assert found.per_class[2].intervals["recall"] is None
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["per_class"]["platelet"]["ci95"]["recall"] is None
    assert plain["per_class"]["red"]["ci95"]["recall"][0] < plain["per_class"]["red"]["recall"]
    assert plain["confidence"] == 0.3


def test_a_rate_of_one_is_not_certain() -> None:
    hit = Detections(BOX, np.float32([0.9]), np.int64([0]))
    results = [ImageResult(f"{i}.png", hit, BOX, np.int64([0])) for i in range(30)]
    found = operating_point(results, NAMES, 0.5, Resampling.draw(30, resamples=100)).per_class[0]
    # None of 30 images holds a miss: by Clopper and Pearson up to 11.6 % of images still may.
    assert [found.intervals["recall"].low, found.intervals["recall"].high] == pytest.approx([0.884, 1], abs=1e-3)


@pytest.mark.parametrize("confidence", [-0.1, 1.5, [0.5, 0.5], float("nan")])
def test_a_threshold_that_is_none_is_refused(sample, confidence: float) -> None:
    with pytest.raises(UsageError, match="a number from 0 to 1, or one for each of 3 classes"):
        operating_point(sample(1), NAMES, confidence)


def test_a_class_outside_the_names_is_refused(sample) -> None:
    with pytest.raises(DataError, match="within 0 to 0"):
        operating_point(sample(1), ["only"], 0.5)
