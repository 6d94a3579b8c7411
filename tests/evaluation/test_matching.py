from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.evaluation import IOUS, ImageResult, match

Sampler = Callable[..., list[ImageResult]]
seeds = st.integers(0, 2**32 - 1)


def test_thresholds_are_those_of_ultralytics(ultralytics: ModuleType) -> None:
    torch = pytest.importorskip("torch")
    assert np.array_equal(IOUS, torch.linspace(0.5, 0.95, 10).numpy())


@settings(max_examples=80, deadline=None)
@given(seed=seeds, grid=st.sampled_from([0, 0, 2, 10]), noise=st.sampled_from([0.02, 0.1, 0.4]))
def test_equal_to_ultralytics(ultralytics: ModuleType, sample: Sampler, seed: int, grid: int, noise: float) -> None:
    torch = pytest.importorskip("torch")
    from ultralytics.engine.validator import BaseValidator
    from ultralytics.utils.metrics import box_iou

    thresholds = SimpleNamespace(iouv=torch.linspace(0.5, 0.95, 10))
    for result in sample(seed, images=3, grid=grid, noise=noise, truths=8, detections=40):
        order = np.argsort(-result.detections.confidence)
        found = result.detections[order]
        theirs = np.zeros((len(found), 10), bool)
        if len(found) and len(result.truth_class):
            iou = box_iou(torch.from_numpy(result.truth_xyxy), torch.from_numpy(found.xyxy))
            theirs = BaseValidator.match_predictions(
                thresholds, torch.from_numpy(found.class_id), torch.from_numpy(result.truth_class), iou
            ).numpy()
        assert np.array_equal(match(result)[order], theirs)


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_the_order_of_the_detections_does_not_matter(sample: Sampler, seed: int) -> None:
    for result in sample(seed, images=3, detections=30):
        order = np.random.default_rng(seed).permutation(len(result.detections))
        shuffled = replace(result, detections=result.detections[order])
        assert np.array_equal(match(shuffled), match(result)[order])


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_each_truth_is_claimed_once_and_by_its_own_class(sample: Sampler, seed: int) -> None:
    for result in sample(seed, images=3, detections=30, noise=0.05):
        hits = match(result)
        for class_id in range(3):
            own = hits[result.detections.class_id == class_id]
            assert (own.sum(0) <= (result.truth_class == class_id).sum()).all()


def test_of_two_detections_of_one_object_the_more_confident_counts() -> None:
    box = np.float32([[0, 0, 10, 10]])
    twice = Detections(np.float32([[0, 0, 10, 9], [0, 0, 10, 7]]), np.float32([0.3, 0.8]), np.int64([0, 0]))
    hits = match(ImageResult("a.png", twice, box, np.int64([0])))
    # IoU 0.7 claims it up to 0.7; above that it is still free for the box of IoU 0.9.
    assert hits[1].tolist() == [True] * 5 + [False] * 5
    assert hits[0].tolist() == [False] * 5 + [True] * 4 + [False]


def test_a_box_of_the_wrong_class_is_no_hit() -> None:
    box = np.float32([[0, 0, 10, 10]])
    result = ImageResult("a.png", Detections(box, np.float32([0.9]), np.int64([1])), box, np.int64([0]))
    assert not match(result).any()


def test_nothing_to_match() -> None:
    box, one = np.float32([[0, 0, 10, 10]]), np.int64([0])
    no_truth = ImageResult("a.png", Detections(box, np.float32([0.9]), one), box[:0], one[:0])
    assert match(no_truth).tolist() == [[False] * 10]
    assert match(ImageResult("a.png", Detections.empty(), box, one)).shape == (0, 10)
