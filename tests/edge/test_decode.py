from __future__ import annotations

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
    ],
)
def test_thresholds_out_of_range(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        Thresholds(**values)


def test_numpy_numbers_are_numbers_too() -> None:
    thresholds = Thresholds(confidence=np.float32(0.25), iou=np.float64(0.5), max_det=np.int64(10))
    output = raw_output(0, classes=3, anchors=50)
    np.testing.assert_array_equal(
        decode(output, head="raw", thresholds=thresholds),
        decode(output, head="raw", thresholds=Thresholds(confidence=0.25, iou=0.5, max_det=10)),
    )
