from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.transfer.repeats import repeat_factors, repeats

IMAGES, CLASSES = 12, 5
boxes = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, IMAGES - 1)), max_size=60)
thresholds = st.floats(0, 1)
factor_lists = st.lists(st.floats(1, 40), min_size=1, max_size=60)


def factors_of(boxes, threshold):
    ids, images = np.array(boxes, dtype=int).reshape(-1, 2).T
    return repeat_factors(ids, images, images=IMAGES, classes=CLASSES, threshold=threshold)


@given(boxes, thresholds)
def test_factors_are_those_of_the_paper(boxes, threshold):
    """The definition, image by image: r_i = max over c in i of max(1, sqrt(t / f_c))."""
    showing = {c: len({i for k, i in boxes if k == c}) / IMAGES for c, _ in boxes}
    expected = [
        max([max(1.0, (threshold / showing[c]) ** 0.5) for c, k in boxes if k == i], default=1.0) for i in range(IMAGES)
    ]
    assert factors_of(boxes, threshold) == pytest.approx(expected)


@given(boxes)
def test_a_threshold_of_zero_repeats_nothing(boxes):
    assert factors_of(boxes, 0).tolist() == [1.0] * IMAGES


@given(boxes, st.integers(0, 100))
def test_boxes_of_a_class_in_one_image_count_once(boxes, seed):
    again = [boxes[i] for i in np.random.default_rng(seed).integers(0, len(boxes), 20)] if boxes else []
    assert (factors_of(boxes, 0.5) == factors_of(boxes + again, 0.5)).all()


def test_no_images_and_no_classes():
    assert repeat_factors([], [], images=0, classes=3, threshold=0.5).shape == (0,)
    assert repeat_factors([], [], images=2, classes=0, threshold=0.5).tolist() == [1, 1]
    assert repeats([], seed=0).shape == (0,)


@given(factor_lists, st.integers(0, 2**32 - 1))
def test_numbers_are_the_factors_rounded_and_so_is_their_sum(factors, seed):
    numbers = repeats(factors, seed=seed)
    assert numbers.dtype == np.int64
    assert (numbers >= np.floor(factors)).all()
    assert (numbers <= np.floor(factors) + 1).all()
    assert (numbers >= 1).all()
    assert abs(numbers.sum() - sum(factors)) < 1 + 1e-6
    assert (numbers == repeats(factors, seed=seed)).all()


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(0, 1000))
def test_whole_factors_stay(factors, seed):
    assert repeats(factors, seed=seed).tolist() == factors


def test_the_expected_number_is_the_factor():
    factors = np.array([1.0, 1.05, 1.3, 1.5, 2.9, 3.25, 7.999])
    mean = np.mean([repeats(factors, seed=seed) for seed in range(4000)], axis=0)
    assert mean == pytest.approx(factors, abs=4 * 0.5 / np.sqrt(4000))  # four standard errors of a coin at most
    assert len({tuple(repeats(factors, seed=seed)) for seed in range(20)}) > 3


def test_neighbours_are_rounded_apart_from_each_other():
    """Without a shuffle, two neighbours at one half never go up together; with it they do now and then."""
    pairs = {tuple(repeats([1.5] * 8, seed=seed)[:2].tolist()) for seed in range(100)}
    assert pairs == {(1, 1), (1, 2), (2, 1), (2, 2)}
