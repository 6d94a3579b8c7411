from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError
from yolo_tl.evaluation import ImageResult, evaluate, match

Sampler = Callable[..., list[ImageResult]]
NAMES = ["red", "white", "platelet", "never seen"]
BOX = np.float32([[0, 0, 10, 10]])


def result_of(image: str, *, detected: list[int], true: list[int], confidence: float = 0.9) -> ImageResult:
    """All boxes alike, so that a detection is a hit where its class is right."""
    n = len(detected)
    return ImageResult(
        image,
        Detections(BOX.repeat(n, 0), np.full(n, confidence, np.float32), np.array(detected, np.int64)),
        BOX.repeat(len(true), 0),
        np.array(true, np.int64),
    )


def their_metrics(results: list[ImageResult], names: list[str]) -> Any:
    from ultralytics.utils.metrics import DetMetrics

    theirs = DetMetrics(dict(enumerate(names)))
    for r in results:
        theirs.update_stats(
            {
                "tp": match(r),
                "conf": r.detections.confidence,
                "pred_cls": r.detections.class_id.astype(np.float32),
                "target_cls": r.truth_class.astype(np.float32),
                "target_img": np.unique(r.truth_class),
                "im_name": r.image,
            }
        )
    theirs.process()
    return theirs


def assert_equal_to_ultralytics(results: list[ImageResult], names: list[str]) -> None:
    ours, theirs = evaluate(results, names), their_metrics(results, names)
    box = theirs.box
    assert [ours.map50, ours.map50_95] == pytest.approx([box.map50, box.map], abs=1e-9)
    assert [ours.precision, ours.recall] == pytest.approx([box.mp, box.mr], abs=1e-9)
    assert [c.name for c in ours.per_class] == [names[i] for i in box.ap_class_index]
    for i, c in enumerate(ours.per_class):
        assert [c.precision, c.recall, c.ap50, c.ap50_95] == pytest.approx(box.class_result(i), abs=1e-9)
        assert c.f1 == pytest.approx(box.f1[i], abs=1e-9)
        assert c.instances == theirs.nt_per_class[box.ap_class_index[i]]
        assert c.images == theirs.nt_per_image[box.ap_class_index[i]]
    if ours.per_class:
        at = np.flatnonzero(box.px == ours.confidence)
        assert box.p_curve[:, at].mean() == pytest.approx(ours.precision, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 15),
    classes=st.integers(1, 4),
    detections=st.sampled_from([0, 1, 4, 30]),
    noise=st.sampled_from([0.02, 0.1, 0.3]),
)
def test_equal_to_ultralytics(
    ultralytics: ModuleType, sample: Sampler, seed: int, images: int, classes: int, detections: int, noise: float
) -> None:
    results = sample(seed, images=images, classes=classes, detections=detections, noise=noise)
    assert_equal_to_ultralytics(results, NAMES)


@pytest.mark.parametrize("truths", [10, 20, 25, 50, 100, 200])
def test_equal_where_recall_falls_on_the_interpolation_points(ultralytics: ModuleType, truths: int) -> None:
    # Precision falls with each truth found, and recall hits points of the interpolation: a
    # point counted on the wrong side of it would change the area.
    results = []
    for i in range(truths):
        result = result_of(f"{i}.png", detected=[0, *[1] * (i % 3), *[0] * (i % 2)], true=[0])
        falling = np.linspace(0.9 - i / 300, 0.9 - (i + 0.9) / 300, len(result.detections), dtype=np.float32)
        results.append(replace(result, detections=replace(result.detections, confidence=falling)))
    assert_equal_to_ultralytics(results, NAMES)


def test_above_its_most_confident_detection_a_class_has_full_precision_and_no_recall(ultralytics: ModuleType) -> None:
    # False alarms of the first class at 0.6 push the operating threshold above all of the second.
    results = [
        result_of("a.png", detected=[0], true=[0], confidence=0.9),
        result_of("b.png", detected=[0, 0], true=[], confidence=0.6),
        result_of("c.png", detected=[1], true=[], confidence=0.1),
        result_of("d.png", detected=[], true=[1]),
    ]
    metrics = evaluate(results, NAMES)
    assert metrics.confidence > 0.1
    assert (metrics.per_class[1].precision, metrics.per_class[1].recall) == (1, 0)
    assert_equal_to_ultralytics(results, NAMES)


def test_a_perfect_detector() -> None:
    metrics = evaluate([result_of(f"{i}.png", detected=[0], true=[0], confidence=1) for i in range(4)], NAMES)
    # Not 1: the recall point at exactly 1 is never covered, in Ultralytics as here.
    assert [metrics.map50, metrics.map50_95] == pytest.approx([0.995, 0.995])
    assert (metrics.precision, metrics.recall, metrics.f1) == (1, 1, 1)


def test_no_detections() -> None:
    metrics = evaluate([result_of("a.png", detected=[], true=[0, 0, 1])], NAMES)
    assert (metrics.map50, metrics.map50_95, metrics.precision, metrics.recall, metrics.f1) == (0, 0, 0, 0, 0)
    assert (metrics.images, metrics.instances) == (1, 3)
    assert [(c.name, c.instances, c.ap50) for c in metrics.per_class] == [("red", 2, 0), ("white", 1, 0)]


@pytest.mark.parametrize("results", [[], [result_of("a.png", detected=[0, 1], true=[])]])
def test_no_truths(results: list[ImageResult]) -> None:
    metrics = evaluate(results, NAMES)
    assert (metrics.map50, metrics.map50_95, metrics.f1, metrics.confidence) == (0, 0, 0, 0)
    assert (metrics.images, metrics.instances, metrics.per_class) == (len(results), 0, ())


def test_detections_of_a_class_without_truths_change_nothing() -> None:
    plain = [result_of("a.png", detected=[0], true=[0]), result_of("b.png", detected=[], true=[0])]
    noisy = [result_of("a.png", detected=[0, 2, 2], true=[0]), result_of("b.png", detected=[1], true=[0])]
    assert evaluate(noisy, NAMES) == evaluate(plain, NAMES)


def test_a_class_without_detections_counts_as_zero() -> None:
    metrics = evaluate([result_of("a.png", detected=[0], true=[0, 1])], NAMES)
    assert metrics.map50 == pytest.approx(0.995 / 2)


def test_json_is_plain_and_keyed_by_class(sample: Sampler) -> None:
    metrics = evaluate(sample(3), NAMES)
    plain = json.loads(json.dumps(metrics.to_json()))
    assert {"map50", "map50_95", "precision", "recall", "f1", "images", "instances"} <= plain.keys()
    assert list(plain["per_class"]) == [c.name for c in metrics.per_class]
    assert plain["per_class"]["red"]["ap50_95"] == metrics.per_class[0].ap50_95


@pytest.mark.parametrize(("detected", "true", "what"), [([4], [0], "detection"), ([0], [-1], "truth")])
def test_a_class_outside_the_names_is_refused(detected: list[int], true: list[int], what: str) -> None:
    strange = str((detected + true)[what == "truth"])
    with pytest.raises(DataError, match=rf"odd\.png: expected the {what} classes within 0 to 3 .*found {strange}"):
        evaluate([result_of("odd.png", detected=detected, true=true)], NAMES)
