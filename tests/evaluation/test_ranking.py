from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.evaluation import ImageResult, evaluate
from yolo_tl.evaluation.ranking import Ranking, rank

Sampler = Callable[..., list[ImageResult]]
NAMES = ["red", "white", "platelet"]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    weights=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    noise=st.sampled_from([0.05, 0.2]),
)
def test_a_weight_is_a_repetition(sample: Sampler, seed: int, weights: list[int], noise: float) -> None:
    results = sample(seed, images=len(weights), noise=noise, detections=20)
    repeated = [r for r, weight in zip(results, weights, strict=True) for _ in range(weight)]
    expected = {c.name: (c.ap50, c.ap50_95) for c in evaluate(repeated, NAMES).per_class}
    for ranking in rank(results, NAMES):
        ap = ranking.average_precision(np.array([weights], np.int32))[0]
        name = NAMES[ranking.class_id]
        if name in expected:
            assert (ap[0], ap.mean()) == pytest.approx(expected[name], abs=1e-12)
        else:
            assert np.isnan(ap).all()


def test_the_size_of_a_block_changes_nothing(sample: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    rankings = rank(sample(5, images=20), NAMES)
    weights = np.random.default_rng(0).integers(0, 3, (50, 20), dtype=np.int32)
    whole = [r.average_precision(weights) for r in rankings]
    monkeypatch.setattr(import_module("yolo_tl.evaluation.ranking"), "BLOCK", 1)
    for ranking, expected in zip(rankings, whole, strict=True):
        assert np.array_equal(ranking.average_precision(weights), expected, equal_nan=True)


def test_detections_are_ranked_by_confidence(sample: Sampler) -> None:
    results = sample(6)
    rankings = rank(results, NAMES)
    assert [r.class_id for r in rankings] == [0, 1, 2]
    for ranking in rankings:
        assert (np.diff(ranking.confidence) < 0).all()
        for image, result in enumerate(results):
            own = result.detections.confidence[result.detections.class_id == ranking.class_id]
            assert np.array_equal(ranking.confidence[ranking.image == image], np.sort(own)[::-1])
            assert ranking.truths[image] == (result.truth_class == ranking.class_id).sum()


@settings(max_examples=80, deadline=None)
@given(
    outcome=st.lists(st.booleans(), max_size=120),
    missed=st.integers(0, 100),
)
def test_the_two_rules_differ_by_as_much_as_is_said(outcome: list[bool], missed: int) -> None:
    truths = sum(outcome) + missed
    if not truths:
        return
    hit, n = np.array(outcome, bool)[:, None], len(outcome)
    falling = np.linspace(1, 0, n, dtype=np.float32)
    ours, coco = (
        Ranking(0, falling, hit, np.zeros(n, np.intp), np.array([truths]), rule=rule).average_precision(
            np.ones((1, 1), np.int32)
        )[0, 0]
        for rule in ("ultralytics", "coco")
    )
    assert -0.015 - 1e-9 <= ours - coco <= 0.005 + 1e-9


@pytest.mark.parametrize(("found", "truths", "difference"), [(1, 100, -0.0148), (50, 50, -0.005), (99, 200, 0.0)])
def test_where_the_two_rules_differ_most(found: int, truths: int, difference: float) -> None:
    every = np.ones((found, 1), bool)
    ours, coco = (
        Ranking(
            0, np.ones(found, np.float32), every, np.zeros(found, np.intp), np.array([truths]), rule=rule
        ).average_precision(np.ones((1, 1), np.int32))[0, 0]
        for rule in ("ultralytics", "coco")
    )
    assert ours - coco == pytest.approx(difference, abs=1e-4)
