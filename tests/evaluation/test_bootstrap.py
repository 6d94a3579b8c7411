from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError, UsageError
from yolo_tl.evaluation import ImageResult, Interval, bootstrap, evaluate
from yolo_tl.evaluation.bootstrap import detectable, resample, scores
from yolo_tl.evaluation.ranking import rank

Sampler = Callable[..., list[ImageResult]]
NAMES = ["red", "white", "platelet"]
BOX = np.float32([[0, 0, 10, 10]])


def simulated(rng: np.random.Generator, images: int, *, informative: bool) -> list[ImageResult]:
    """Images with one object each, found in 70 % of them, and a false alarm in 40 %.

    Where confidence is `informative`, hits tend to have more of it than false alarms.
    """
    results = []
    for i in range(images):
        hit, alarm = rng.random() < 0.7, rng.random() < 0.4
        skill = [rng.beta(5, 2)] * hit + [rng.beta(2, 5)] * alarm
        confidence = np.float32(skill if informative else rng.random(len(skill)))
        boxes = np.vstack([BOX[:hit], BOX[:alarm] + 50])
        results.append(
            ImageResult(f"{i}.png", Detections(boxes, confidence, np.zeros(len(boxes), np.int64)), BOX, np.int64([0]))
        )
    return results


def test_each_score_is_the_metric_of_the_resampled_images(sample: Sampler) -> None:
    results = sample(1, images=6, truths=2)
    weights = resample(6, resamples=100, seed=4)
    rankings = rank(results, NAMES)
    table = scores(rankings, weights)
    assert np.isnan(table[2:]).any(), "some resample should miss a class"
    for row, column in zip(weights, table.T, strict=True):
        metrics = evaluate(np.repeat(np.array(results, object), row).tolist(), NAMES)
        per_class = {c.name: c.ap50_95 for c in metrics.per_class}
        expected = [per_class.get(NAMES[r.class_id], np.nan) for r in rankings]
        overall = [metrics.map50_95, metrics.map50] if per_class else [np.nan, np.nan]
        assert column.tolist() == pytest.approx(overall + expected, abs=1e-12, nan_ok=True)


def test_a_resample_draws_as_many_images_as_there_are() -> None:
    weights = resample(7, resamples=300, seed=0)
    assert weights.shape == (300, 7)
    assert (weights.sum(1) == 7).all()
    assert (weights.mean(0) > 0.7).all()
    assert (weights.mean(0) < 1.3).all()


def test_the_seed_decides(sample: Sampler) -> None:
    results = sample(2)
    assert bootstrap(results, NAMES, resamples=200, seed=1) == bootstrap(results, NAMES, resamples=200, seed=1)
    assert bootstrap(results, NAMES, resamples=200, seed=1) != bootstrap(results, NAMES, resamples=200, seed=2)


def test_intervals_surround_the_metrics_and_grow_with_the_level(sample: Sampler) -> None:
    results = sample(3, images=40)
    metrics = evaluate(results, NAMES)
    wide, narrow = (bootstrap(results, NAMES, resamples=400, level=level) for level in (0.95, 0.5))
    assert wide.map50_95.low < narrow.map50_95.low < narrow.map50_95.high < wide.map50_95.high
    assert wide.map50_95.low < metrics.map50_95 < wide.map50_95.high
    assert wide.map50.low < metrics.map50 < wide.map50.high
    for c in metrics.per_class:
        assert wide.ap50_95[c.name].low < c.ap50_95 < wide.ap50_95[c.name].high


def test_a_metric_that_did_not_vary_may_have_been_lucky() -> None:
    hit = Detections(BOX, np.float32([0.9]), np.int64([0]))
    found = bootstrap([ImageResult(f"{i}.png", hit, BOX, np.int64([0])) for i in range(30)], NAMES, resamples=100)
    # Of images that are missed, none in 30 was seen: up to 11.6 % of them are possible.
    assert [found.map50.low, found.map50.high] == pytest.approx([0.995 - 0.1157, 1], abs=1e-3)


@pytest.mark.parametrize("informative", [True, False])
def test_resamples_spread_as_fresh_samples_do(informative: bool) -> None:
    # Coverage also depends on the bias of average precision in a small sample, which
    # no resampling of images removes; the spread is what the bootstrap itself owes.
    rng = np.random.default_rng(0)
    samples = [simulated(rng, 60, informative=informative) for _ in range(80)]
    fresh = np.std([evaluate(s, NAMES).map50 for s in samples])
    weights = resample(60, resamples=200, seed=0)
    resampled = np.mean([scores(rank(s, NAMES), weights)[1].std() for s in samples])
    assert 0.75 <= resampled / fresh <= 1.33


def test_images_without_truths_are_part_of_the_sample() -> None:
    false_alarm = Detections(BOX, np.float32([0.95]), np.int64([0]))
    empty = ImageResult("empty.png", false_alarm, BOX[:0], np.zeros(0, np.int64))
    hit = Detections(BOX, np.float32([0.9]), np.int64([0]))
    rankings = rank([ImageResult("full.png", hit, BOX, np.int64([0])), empty], NAMES)
    found = scores(rankings, np.int32([[2, 0], [1, 1], [0, 2]]))[1]
    assert found.tolist() == pytest.approx([0.995, 0.4975, np.nan], nan_ok=True)


def test_images_of_a_group_are_drawn_together() -> None:
    groups = ["a", None, "b", "a", None, "b", "a"]
    weights = resample(7, resamples=400, seed=1, groups=groups)
    assert (weights[:, [3, 6]] == weights[:, [0, 0]]).all()
    assert (weights[:, 5] == weights[:, 2]).all()
    units = weights[:, [0, 1, 2, 4]]
    assert (units.sum(1) == 4).all(), "as many groups as there are"
    assert (np.abs(units.mean(0) - 1) < 0.2).all()
    assert not (units[:, 1] == units[:, 3]).all(), "an image without a group is one of its own"
    np.testing.assert_array_equal(
        resample(7, resamples=400, seed=1, groups=[*range(7)]), resample(7, resamples=400, seed=1)
    )


def test_copies_of_an_image_say_no_more_than_the_image(sample: Sampler) -> None:
    results = sample(2, images=30)
    copies = [result for result in results for _ in range(4)]
    once = bootstrap(results, NAMES, resamples=300)
    grouped = bootstrap(copies, NAMES, resamples=300, groups=[i // 4 for i in range(120)])
    alone = bootstrap(copies, NAMES, resamples=300)
    assert [grouped.units, alone.units] == [30, 120]
    assert width(grouped.map50_95) == pytest.approx(width(once.map50_95), rel=0.05)
    assert width(alone.map50_95) < 0.6 * width(once.map50_95)


def test_a_class_in_one_image_has_no_interval(sample: Sampler) -> None:
    one = ImageResult("odd.png", Detections.empty(), BOX, np.int64([2]))
    found = bootstrap([*sample(1, classes=2, images=10), one], NAMES, resamples=100)
    assert found.ap50_95["platelet"] is None
    assert found.ap50_95["red"] is not None
    assert json.loads(json.dumps(found.to_json()))["ap50_95"]["platelet"] is None
    twice = bootstrap([*sample(1, classes=2, images=10), one, one], NAMES, resamples=100, groups=[*range(10), "x", "x"])
    assert twice.ap50_95["platelet"] is None, "two images of one group"


def test_what_can_be_seen_follows_from_the_interval(sample: Sampler) -> None:
    found = bootstrap(sample(1, images=40), NAMES, resamples=300)
    assert detectable(found) == pytest.approx(width(found.map50_95) / 2)
    assert detectable(found, correlation=0.98) == pytest.approx(0.2 * detectable(found))
    narrow = bootstrap(sample(1, images=40), NAMES, resamples=300, level=0.5)
    assert detectable(narrow) == pytest.approx(detectable(found), rel=0.05), "it is of 95 %, whatever the level"


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_json_is_plain(sample: Sampler) -> None:
    found = bootstrap(sample(4), NAMES, resamples=100)
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["resamples"] == 100
    assert Interval(**plain["ap50_95"]["white"]) == found.ap50_95["white"]


def test_too_little_to_resample(sample: Sampler) -> None:
    with pytest.raises(DataError, match="two or more images to resample, found 1"):
        bootstrap(sample(1, images=1), NAMES)
    with pytest.raises(DataError, match="two or more groups of images to resample, found 1"):
        bootstrap(sample(1, images=3), NAMES, groups=["a", "a", "a"])
    with pytest.raises(DataError, match="a group for each of 12 images, found 2"):
        bootstrap(sample(1), NAMES, groups=["a", "b"])
    with pytest.raises(DataError, match="at least one labelled object"):
        bootstrap(sample(1, truths=0), NAMES)


def test_options_out_of_range(sample: Sampler) -> None:
    with pytest.raises(UsageError, match="resamples of 100 or more, found 10"):
        bootstrap(sample(1), NAMES, resamples=10)
    with pytest.raises(UsageError, match="level between 0 and 1, found 95"):
        bootstrap(sample(1), NAMES, resamples=100, level=95)
