"""Which truth a detection claims."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.evaluation import ImageResult, match
from yolo_tl.evaluation.assignment import assign

BOX = np.float32([[0, 0, 10, 10]])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), grid=st.sampled_from([0, 2, 10]), noise=st.sampled_from([0.05, 0.3]))
def test_who_claims_a_truth_is_a_true_positive(sample, seed: int, grid: int, noise: float) -> None:
    for result in sample(seed, images=3, grid=grid, noise=noise, truths=8, detections=40):
        claims = assign(result)
        np.testing.assert_array_equal(claims >= 0, match(result))
        np.testing.assert_array_equal(assign(result, second=np.zeros(len(result.truth_class), bool)), claims)
        for column in claims.T:
            claimed = column[column >= 0]
            assert len(np.unique(claimed)) == len(claimed)
            assert (result.truth_class[claimed] == result.detections.class_id[column >= 0]).all()


@pytest.mark.parametrize(("second", "claimed"), [([False, False], 1), ([False, True], 0), ([True, True], 1)])
def test_a_truth_of_second_choice_is_claimed_where_no_other_may_be(second: list[bool], claimed: int) -> None:
    fits, fits_better = BOX + np.float32([0, 0, 4, 0]), BOX + np.float32([0, 0, 1, 0])
    result = ImageResult(
        "a.png",
        Detections(BOX, np.float32([0.9]), np.int64([0])),
        np.concatenate([fits, fits_better]),
        np.int64([0, 0]),
    )
    assert assign(result, np.float32([0.5]), second=np.array(second)).tolist() == [[claimed]]
    at_three = assign(result, np.float32([0.5, 0.9]), second=np.array([False, True]))
    assert at_three.tolist() == [[0, 1]], "at IoU 0.9 only the second choice is left"
