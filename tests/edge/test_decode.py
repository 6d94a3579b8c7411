from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.edge.decode import Thresholds, decode
from yolo_tl.errors import ConfigError, RuntimeFailure


def raw_output(seed: int, *, classes: int, anchors: int, half: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    output = rng.uniform(0, 1, (4 + classes, anchors)) ** 3
    output[:4] *= 120
    output[:4] += 5
    return output.astype(np.float16 if half else np.float32)


def theirs(output: np.ndarray, thresholds: Thresholds, classes: list[int] | None, *, end2end: bool) -> np.ndarray:
    import torch
    import torchvision  # noqa: F401  # the peer's predictor imports it first, and its NMS then uses it
    from ultralytics.utils.nms import non_max_suppression

    return non_max_suppression(
        torch.from_numpy(output[None].copy()),
        thresholds.confidence,
        thresholds.iou,
        classes,
        max_det=thresholds.max_det,
        end2end=end2end,
    )[0].numpy()


THRESHOLDS = st.builds(
    Thresholds,
    confidence=st.sampled_from([0.001, 0.1, 0.25, 0.7, 0.999]),
    iou=st.sampled_from([0.2, 0.45, 0.7, 1.0]),
    max_det=st.sampled_from([1, 7, 300]),
)
CLASSES = st.sampled_from([None, [0], [1, 2], []])


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    number=st.sampled_from([3, 10, 80]),
    thresholds=THRESHOLDS,
    classes=CLASSES,
    half=st.booleans(),
)
def test_raw_head_equals_the_peer(
    ultralytics: ModuleType, seed: int, number: int, thresholds: Thresholds, classes: list[int] | None, half: bool
) -> None:
    output = raw_output(seed, classes=number, anchors=400, half=half and number == 3)
    ours = decode(output, head="raw", thresholds=thresholds, classes=classes)
    expected = theirs(output, thresholds, classes, end2end=False)
    np.testing.assert_array_equal(ours, expected)
    assert ours.dtype == np.float32


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), thresholds=THRESHOLDS, classes=CLASSES)
def test_nms_free_head_equals_the_peer(
    ultralytics: ModuleType, seed: int, thresholds: Thresholds, classes: list[int] | None
) -> None:
    rng = np.random.default_rng(seed)
    scores = -np.sort(-(rng.random((300, 1)) ** 3), axis=0)
    output = np.hstack([rng.uniform(0, 99, (300, 4)), scores, rng.integers(0, 5, (300, 1))]).astype(np.float32)
    output[250:] = 0  # the padding of an NMS inside the graph
    expected = theirs(output, thresholds, classes, end2end=True)
    for head in ("nms-free", "nms"):
        ours = decode(output, head=head, thresholds=thresholds, classes=classes)
        np.testing.assert_array_equal(ours, expected)


def test_too_many_candidates_are_cut_to_the_best(ultralytics: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    import torchvision  # noqa: F401
    from ultralytics.utils.nms import non_max_suppression

    monkeypatch.setattr("yolo_tl.edge.decode._CANDIDATES", 50)
    output = raw_output(0, classes=3, anchors=400)
    ours = decode(output, head="raw", thresholds=Thresholds(confidence=0.1, iou=1.0))
    expected = non_max_suppression(torch.from_numpy(output[None].copy()), 0.1, 1.0, max_nms=50)[0].numpy()
    assert len(ours) == 50
    np.testing.assert_array_equal(ours, expected)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    confidence=st.sampled_from([0.1, 0.25, 0.7]),
    classes=CLASSES,
    iou=st.sampled_from([0.45, 0.7]),
)
def test_thresholds_of_every_class_equal_the_peers_multi_label_nms(
    ultralytics: ModuleType, seed: int, confidence: float, classes: list[int] | None, iou: float
) -> None:
    """What `evaluate` and `qualify` look at is what the edge finds with the thresholds they chose.

    In float32: of equal scores, which 16 bits have plenty of, torch takes any first, and so keeps other boxes.
    """
    import torch
    import torchvision  # noqa: F401
    from ultralytics.utils.nms import non_max_suppression

    output = raw_output(seed, classes=3, anchors=200)
    thresholds = Thresholds(0.99, iou, 300, by_class=tuple((i, confidence) for i in range(3)))
    ours = decode(output, head="raw", thresholds=thresholds, classes=classes)
    tensor = torch.from_numpy(output[None].copy())
    (expected,) = non_max_suppression(tensor, confidence, iou, classes, multi_label=True)
    as_set = [np.unique(rows, axis=0) for rows in (ours, expected.numpy())]
    np.testing.assert_array_equal(*as_set)
    assert (np.diff(ours[:, 4]) <= 0).all()


@pytest.mark.parametrize("head", ["raw", "nms-free"])
@pytest.mark.parametrize("seed", range(5))
def test_a_class_threshold_filters_that_class_and_no_other(head: str, seed: int) -> None:
    """Below NMS nothing changes for a class that keeps fewer candidates: all that is lost is what is not above."""
    output = raw_output(seed, classes=4, anchors=120)
    if head == "nms-free":
        rng = np.random.default_rng(seed)
        output = np.hstack([output[:4].T, rng.random((120, 1)), rng.integers(0, 4, (120, 1))]).astype(np.float32)
        output = output[np.argsort(-output[:, 4])]
    plain = decode(output, head=head, thresholds=Thresholds(0.3))
    own = decode(output, head=head, thresholds=Thresholds(0.3, by_class=((1, 0.8), (2, 0.05))))
    for number in (0, 3):
        np.testing.assert_array_equal(own[own[:, 5] == number], plain[plain[:, 5] == number])
    assert own[own[:, 5] == 1, 4].min() > 0.8
    assert 0.05 < own[own[:, 5] == 2, 4].min() < 0.3
    fewer = decode(output, head=head, thresholds=Thresholds(0.3, by_class=((1, 0.8), (2, 0.05))), classes=[0, 2])
    np.testing.assert_array_equal(fewer, own[np.isin(own[:, 5], [0, 2])])


def test_a_class_with_a_threshold_of_its_own_counts_beside_a_better_one() -> None:
    output = np.array([[5, 5, 4, 4, 0.9, 0.5]], np.float32).T
    assert decode(output, head="raw", thresholds=Thresholds(0.25))[:, 5].tolist() == [0]
    assert decode(output, head="raw", thresholds=Thresholds(0.25, by_class=((1, 0.4),)))[:, 5].tolist() == [0, 1]
    assert decode(output, head="raw", thresholds=Thresholds(0.25, by_class=((0, 0.95),)))[:, 5].tolist() == []


def test_a_score_at_the_threshold_does_not_count() -> None:
    output = np.array([[5, 5, 4, 4, 0.5], [50, 50, 4, 4, 0.75]], np.float32).T
    assert len(decode(output, head="raw", thresholds=Thresholds(confidence=0.5))) == 1
    assert len(decode(output, head="raw", thresholds=Thresholds(confidence=0.499))) == 2


@pytest.mark.parametrize("head", ["raw", "nms-free"])
def test_scores_that_are_not_numbers_are_not_an_empty_image(head: str) -> None:
    output = np.full((6, 6), np.nan, np.float32)
    with pytest.raises(RuntimeFailure, match="NaN"):
        decode(output, head=head, thresholds=Thresholds())


@pytest.mark.parametrize(
    "values",
    [
        {"confidence": 1.1},
        {"confidence": "0.5"},
        {"confidence": True},
        {"iou": -0.1},
        {"iou": float("nan")},
        {"max_det": 0},
        {"max_det": 2.5},
        {"by_class": ((0, 1.5),)},
        {"by_class": ((0, "high"),)},
    ],
)
def test_thresholds_out_of_range(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values)).replace("by_class", "confidence of class 0")):
        Thresholds(**values)


def test_numpy_numbers_are_numbers_too() -> None:
    thresholds = Thresholds(confidence=np.float32(0.25), iou=np.float64(0.5), max_det=np.int64(10))
    output = raw_output(0, classes=3, anchors=50)
    np.testing.assert_array_equal(
        decode(output, head="raw", thresholds=thresholds),
        decode(output, head="raw", thresholds=Thresholds(confidence=0.25, iou=0.5, max_det=10)),
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    thresholds=THRESHOLDS,
    classes=CLASSES,
    rotated=st.booleans(),
    every_class=st.booleans(),
)
def test_what_a_task_adds_to_boxes_stays_with_them(
    ultralytics: ModuleType,
    seed: int,
    thresholds: Thresholds,
    classes: list[int] | None,
    rotated: bool,
    every_class: bool,
) -> None:
    """Coefficients, keypoints and angles, with thresholds for all classes and for each."""
    import torch
    import torchvision  # noqa: F401
    from ultralytics.utils.nms import non_max_suppression

    output = raw_output(seed, classes=3, anchors=150)
    output = np.vstack([output, np.random.default_rng(seed).uniform(-4, 4, (5, 150))]).astype(np.float32)
    confidence = thresholds.confidence
    if every_class:
        thresholds = replace(thresholds, confidence=1.0, by_class=tuple((i, confidence) for i in range(3)))
    ours = decode(output, head="raw", thresholds=thresholds, classes=classes, count=3, rotated=rotated)
    (expected,) = non_max_suppression(
        torch.from_numpy(output[None].copy()),
        confidence,
        thresholds.iou,
        classes,
        multi_label=every_class,
        max_det=thresholds.max_det,
        nc=3,
        rotated=rotated,
    )
    assert ours.shape[1] == 11
    as_sets = [set(map(tuple, rows.tolist())) for rows in (ours, expected.numpy())]
    assert as_sets[0] == as_sets[1]  # candidates of several classes come in another order, which decides ties only
    if not every_class:
        np.testing.assert_array_equal(ours, expected.numpy())
