from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.errors import DataError
from yolo_tl.evaluation import ImageResult, bootstrap, evaluate, paired_difference
from yolo_tl.evaluation.paired import Difference, two_sided

Sampler = Callable[..., list[ImageResult]]
NAMES = ["red", "white", "platelet"]


def test_a_model_does_not_differ_from_itself(sample: Sampler) -> None:
    same = paired_difference(sample(1), sample(1), NAMES, resamples=100)
    for difference in (same.map50, same.map50_95, *same.ap50_95.values()):
        assert (difference.observed, difference.mean, difference.low, difference.high) == (0, 0, 0, 0)
        assert difference.share_a_better == 0


def test_swapping_the_models_turns_the_sign(sample: Sampler) -> None:
    a, b = sample(1, truth_seed=9), sample(2, truth_seed=9)
    forth, back = (paired_difference(*pair, NAMES, resamples=300).map50_95 for pair in ((a, b), (b, a)))
    assert forth.observed == -back.observed != 0
    assert [forth.mean, forth.low, forth.high] == pytest.approx([-back.mean, -back.high, -back.low])
    assert forth.share_a_better + back.share_a_better == pytest.approx(1, abs=0.02)


def test_observed_is_the_difference_of_the_metrics(sample: Sampler) -> None:
    a, b = sample(1, truth_seed=9), sample(2, truth_seed=9)
    found, of_a, of_b = paired_difference(a, b, NAMES, resamples=100), evaluate(a, NAMES), evaluate(b, NAMES)
    assert found.map50_95.observed == pytest.approx(of_a.map50_95 - of_b.map50_95)
    assert found.map50.observed == pytest.approx(of_a.map50 - of_b.map50)
    for c, d in zip(of_a.per_class, of_b.per_class, strict=True):
        assert found.ap50_95[c.name].observed == pytest.approx(c.ap50_95 - d.ap50_95)


def test_a_clearly_better_model_wins_in_every_resample(sample: Sampler) -> None:
    shape = {"images": 40, "truth_seed": 9, "detections": 20}
    found = paired_difference(sample(1, noise=0.01, **shape), sample(2, noise=0.5, **shape), NAMES, resamples=200)
    assert found.map50_95.low > 0.1
    assert found.map50_95.share_a_better == 1


def test_pairing_cancels_what_the_models_share(sample: Sampler) -> None:
    a = sample(1, images=30, detections=20)
    b = [replace(r, detections=r.detections[1:]) if i < 3 else r for i, r in enumerate(a)]
    paired, alone = paired_difference(a, b, NAMES, resamples=300), bootstrap(a, NAMES, resamples=300)
    assert paired.map50_95.high - paired.map50_95.low < 0.5 * (alone.map50_95.high - alone.map50_95.low)


def test_the_order_of_the_second_list_does_not_matter(sample: Sampler) -> None:
    a, b = sample(1, truth_seed=9), sample(2, truth_seed=9)
    assert paired_difference(a, b[::-1], NAMES, resamples=100) == paired_difference(a, b, NAMES, resamples=100)


def test_the_frames_of_the_two_models_may_differ(sample: Sampler) -> None:
    a = sample(1)
    halved = [
        replace(r, detections=replace(r.detections, xyxy=r.detections.xyxy / 2), truth_xyxy=r.truth_xyxy / 2) for r in a
    ]
    assert paired_difference(a, halved, NAMES, resamples=100).map50_95.observed == 0


def test_json_is_plain(sample: Sampler) -> None:
    plain = json.loads(json.dumps(paired_difference(sample(1), sample(1), NAMES, resamples=100).to_json()))
    assert plain["map50_95"]["share_a_better"] == 0
    assert set(plain["ap50_95"]) == set(NAMES)


def test_other_images_are_refused(sample: Sampler) -> None:
    a = sample(1)
    other = [replace(r, image="other.png") if r.image == "3.png" else r for r in a]
    with pytest.raises(DataError, match=r"found 2 in one of them only, such as 3\.png \(only in a\)"):
        paired_difference(a, other, NAMES)
    with pytest.raises(DataError, match=r"found 1 in one of them only, such as 0\.png \(only in b\)"):
        paired_difference(a[1:], a, NAMES)


def test_an_image_listed_twice_is_refused(sample: Sampler) -> None:
    a = sample(1)
    with pytest.raises(DataError, match="each image once in b, found 12 images in 13 entries"):
        paired_difference(a, [*a, a[0]], NAMES)


def test_other_truths_are_refused(sample: Sampler) -> None:
    a = sample(1)
    place = next(i for i, r in enumerate(a) if len(r.truth_class))
    changed = [
        replace(r, truth_class=r.truth_class[:-1], truth_xyxy=r.truth_xyxy[:-1]) if i == place else r
        for i, r in enumerate(a)
    ]
    with pytest.raises(DataError, match=rf"{place}\.png: expected the same truths in a and b"):
        paired_difference(a, changed, NAMES)


def test_no_truths(sample: Sampler) -> None:
    nothing = sample(1, truths=0)
    with pytest.raises(DataError, match="at least one labelled object"):
        paired_difference(nothing, nothing, NAMES)
    assert np.isclose(evaluate(nothing, NAMES).map50, 0)


def test_p_is_twice_the_share_of_the_rarer_side() -> None:
    assert two_sided(np.array([-1.0, 1, 2, 3, 4, 5, 6, 7, 8, 9])) == pytest.approx(0.2)
    assert two_sided(np.array([-1.0, -1, -1, 1])) == 0.5
    assert two_sided(np.full(50, 3.0)) == 2 / 50, "50 resamples cannot show less"
    assert two_sided(np.zeros(50)) == 1


@given(st.lists(st.floats(-1, 1), min_size=100, max_size=300), st.floats(-1, 1))
def test_p_is_small_where_the_interval_leaves_out_zero(values: list[float], shift: float) -> None:
    resampled = np.array(values) + shift
    found = Difference.of(shift, resampled, level=0.9)
    step = 2 / len(values)
    if found.low > 0 or found.high < 0:
        assert found.p <= 0.1 + step
    elif found.low < 0 < found.high:
        assert found.p >= 0.1 - step


def test_resamples_without_a_truth_are_left_out() -> None:
    found = Difference.of(0.5, np.array([0.4, np.nan, 0.6, 0.5, np.nan]), level=0.9)
    assert (found.mean, found.share_a_better, found.p) == (pytest.approx(0.5), 1, 2 / 3)
