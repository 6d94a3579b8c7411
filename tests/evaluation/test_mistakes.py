"""Kinds of mistakes: planted ones, and TIDE's own implementation on random boxes."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError
from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation.mistakes import KINDS, mistakes

NAMES = ["red", "white", "platelet"]
BOX = np.float32([[0, 0, 10, 10]])
SHIFTED = BOX + np.float32([5, 0, 5, 0])  # IoU 1/3
TIDE_KINDS = dict(zip(KINDS, ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss"), strict=True))


def image(said: list[tuple[np.ndarray, int, float]], true: list[tuple[np.ndarray, int]]) -> ImageResult:
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(box for box, _, _ in said)])
    truths = np.concatenate([np.zeros((0, 4), np.float32), *(box for box, _ in true)])
    return ImageResult(
        "a.png",
        Detections(boxes, np.float32([c for _, _, c in said]), np.int64([k for _, k, _ in said])),
        truths,
        np.int64([k for _, k in true]),
    )


@pytest.mark.parametrize(
    ("kind", "said", "rise"),
    [
        ("classification", [(BOX, 1, 0.9)], 1.0),
        ("localisation", [(SHIFTED, 0, 0.9)], 1.0),
        ("both", [(SHIFTED, 1, 0.9)], 0.0),
        ("background", [(BOX + 50, 0, 0.9)], 0.0),
        ("missed", [], 0.0),
    ],
)
def test_one_mistake_about_one_object(kind: str, said: list, rise: float) -> None:
    found = mistakes([image(said, [(BOX, 0)])], NAMES)
    missed = kind in ("both", "background", "missed")  # nothing would find it, were that put right
    assert {one.name: one.count for one in found.kinds if one.count} == {kind: 1} | ({"missed": 1} if missed else {})
    assert found[kind].dap50 == pytest.approx(rise)


def test_a_duplicate_costs_what_stands_below_it() -> None:
    far = BOX + 100
    result = image([(BOX, 0, 0.9), (BOX, 0, 0.8), (far, 0, 0.7)], [(BOX, 0), (far, 0)])
    found = mistakes([result], NAMES)
    assert [one.count for one in found.kinds] == [0, 0, 0, 1, 0, 0]
    assert found["duplicate"].dap50 == pytest.approx(1 - (51 + 50 * 2 / 3) / 101)


def test_of_several_about_one_object_the_most_confident_is_put_right() -> None:
    # The other goes: found twice, it would be a false alarm. One on background stays between them.
    far, alarm = BOX + 100, BOX + 300
    result = image([(SHIFTED, 0, 0.9), (alarm, 0, 0.85), (SHIFTED, 0, 0.8), (far, 0, 0.7)], [(BOX, 0), (far, 0)])
    before, after = 51 / 4 / 101, (51 + 50 * 2 / 3) / 101
    assert mistakes([result], NAMES)["localisation"].dap50 == pytest.approx(after - before)


def test_what_is_below_the_threshold_is_not_listed_but_costs() -> None:
    result = image([(BOX + 50, 0, 0.9), (BOX, 0, 0.3)], [(BOX, 0)])
    found = mistakes([result], NAMES, confidence=0.5)
    assert (found["background"].count, found["missed"].count) == (1, 1), "what found it is below"
    assert (found["background"].dap50, found["missed"].dap50) == (pytest.approx(0.5), 0)
    silent = mistakes([result], NAMES, confidence=0.95)
    assert silent["background"].count == 0
    assert silent["background"].dap50 == found["background"].dap50


def test_what_is_listed_can_be_drawn() -> None:
    result = replace(
        image(
            [(SHIFTED, 0, 0.6), (SHIFTED + 50, 0, 0.9), (BOX + 200, 2, 0.8)], [(BOX, 0), (BOX + 50, 0), (BOX + 90, 1)]
        ),
        ratio=0.5,
        pad=(5.0, 0.0),
    )
    found = mistakes([result], NAMES)
    first, second = found["localisation"].mistakes
    assert (first.confidence, second.confidence) == pytest.approx((0.9, 0.6)), "the most confident first"
    assert second.xyxy == pytest.approx((0, 0, 20, 20))
    assert second.truth_xyxy == pytest.approx((-10, 0, 10, 20))
    assert (second.image, second.class_id, second.truth_class) == ("a.png", 0, 0)
    alarm = found["background"].mistakes[0]
    assert (alarm.class_id, alarm.truth_xyxy) == (2, None)
    missed = found["missed"].mistakes[0]
    assert (missed.class_id, missed.confidence, missed.xyxy) == (1, None, pytest.approx((170, 180, 190, 200)))
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["kinds"]["localisation"]["count"] == 2


@pytest.mark.parametrize("options", [{"truths": 0}, {"detections": 0}])
def test_nothing_true_or_nothing_said(sample, options: dict) -> None:
    results = sample(1, **options)
    found = mistakes(results, NAMES)
    assert found["background"].count == sum(len(result.detections) for result in results)
    assert found["missed"].count == sum(len(result.truth_class) for result in results)
    assert all(kind.dap50 >= 0 for kind in found.kinds)


@pytest.mark.parametrize("seed", range(12))
def test_equal_to_tidecv(sample, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tidecv = pytest.importorskip("tidecv")
    # Its recall points are k / 100; those of pycocotools, and ours, are rounded otherwise, which decides a tie.
    recall_points = np.linspace(0, 1, 101)
    by_coco = SimpleNamespace(
        array=np.array, searchsorted=lambda recalls, _, side: np.searchsorted(recalls, recall_points, side)
    )
    monkeypatch.setattr("tidecv.ap.np", by_coco)
    results = sample(seed, images=15, truths=6, detections=25, noise=[0.1, 0.3, 0.6][seed % 3])
    true, said = tidecv.Data("true"), tidecv.Data("said")
    for number, result in enumerate(results):
        true.add_image(number, result.image)
        found = result.detections
        truths, boxes = (
            np.hstack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]]).astype(float).tolist()
            for xyxy in (result.truth_xyxy, found.xyxy)
        )
        for box, kind in zip(truths, result.truth_class.tolist(), strict=True):
            true.add_ground_truth(number, kind, box)
        for box, kind, score in zip(boxes, found.class_id.tolist(), found.confidence.tolist(), strict=True):
            said.add_detection(number, kind, score, box)
    tide = tidecv.TIDE()
    run = tide.evaluate(true, said, mode=tidecv.TIDE.BOX)
    counts = {error.short_name: count for error, count in run.count_errors().items()}
    costs = tide.get_main_errors()["said"]
    ours = mistakes(results, NAMES)
    for kind in ours.kinds:
        assert kind.count == counts[TIDE_KINDS[kind.name]]
        assert kind.dap50 == pytest.approx(costs[TIDE_KINDS[kind.name]] / 100, abs=1e-6)


def test_a_class_outside_the_names_is_refused(sample) -> None:
    with pytest.raises(DataError, match="within 0 to 0"):
        mistakes(sample(1), ["only"])
