"""Decisions as lines of a log, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.inspections import NAMES, classified, judge_of, looked_at, thing, unseen

from yolo_tl.boxes import Detections
from yolo_tl.inspection.loading import rules_from_dict
from yolo_tl.inspection.record import decision_from_dict, header
from yolo_tl.inspection.rules import QualityLimits, Rule, Rules

RULE = Rule("r", max=0, once_per_track=True)
scores = st.floats(0, 1, width=32)
coordinates = st.floats(-1e4, 1e4, width=32)
rows = st.lists(
    st.tuples(coordinates, coordinates, coordinates, coordinates, scores, st.integers(0, 2)), min_size=1, max_size=5
)


def again(decision) -> dict:
    """What is written of a decision that was written and read."""
    return decision_from_dict(json.loads(json.dumps(decision.to_dict())), NAMES).to_dict()


@given(rows, st.sampled_from(["plain", "angle", "keypoints", "masks", "polygons"]), st.booleans(), st.integers(0, 9))
@settings(max_examples=120, deadline=None)
def test_a_decision_comes_back_as_it_was(things, kind, saturated, seed) -> None:
    rng, count = np.random.default_rng(seed), len(things)
    found = Detections.from_rows(things)
    more = {
        "plain": {},
        "angle": {"angle": rng.standard_normal(count).astype(np.float32)},
        "keypoints": {"keypoints": rng.standard_normal((count, 4, 3)).astype(np.float32)},
        "masks": {"masks": rng.random((count, 5, 7)) > 0.5},
        "polygons": {"polygons": [rng.standard_normal((3 + i, 2)).astype(np.float32) for i in range(count)]},
    }[kind]
    found = Detections(found.xyxy, found.confidence, found.class_id, **more)
    decision = judge_of(RULE, quality=QualityLimits(max_dark=0.3)).judge(looked_at(found, saturated=saturated))
    assert again(decision) == decision.to_dict()


@pytest.mark.parametrize(
    "prediction",
    [looked_at([]), looked_at([thing()]), unseen("lost"), unseen(count=7), classified(0.25, 0.5, 0.25)],
    ids=lambda p: p.describe(),
)
def test_a_decision_of_any_frame_comes_back(prediction) -> None:
    decision = judge_of(Rule("r", min=1, k_of_n=(1, 2))).judge(prediction)
    assert again(decision) == decision.to_dict()


def test_many_classes_come_back_as_far_as_they_were_written() -> None:
    names = [f"c{i}" for i in range(9)]
    shares = np.arange(9, 0, -1) / 45
    prediction = classified(*shares)
    prediction = type(prediction)(prediction.frame, prediction.result, names, "m")
    decision = judge_of(Rule("r", max=0), names=names).judge(prediction)
    back = decision_from_dict(decision.to_dict(), names)
    assert back.to_dict() == decision.to_dict()
    assert back.prediction.result.top5 == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "GOOD"}, "expected a verdict, found 'GOOD'"),
        ({"index": ...}, "a wrong or missing part: KeyError"),
        ({"reasons": [{"why": 1}]}, "a wrong or missing part: TypeError"),
        (
            {"detections": [{"box": [0, 0, 1, 1], "confidence": 0.5, "class_id": 1, "name": "scratch"}]},
            "class 1 is dent",
        ),
        (
            {"detections": [{"box": [0, 0, 1, 1], "confidence": 0.5, "class_id": 7, "name": "x"}]},
            "class 7 is not there",
        ),
        (
            {"detections": [{"box": [0, 1], "confidence": 0.5, "class_id": 0, "name": "scratch"}]},
            "xyxy: expected shape",
        ),
        ({"size": 3}, "a wrong or missing part: TypeError"),
        ({"quality": {"dark": 1}}, "a wrong or missing part: TypeError"),
        ({"counts": None}, "a wrong or missing part: TypeError"),
    ],
)
def test_a_line_that_is_no_decision_is_told(change, message) -> None:
    content = {**judge_of(RULE).judge(looked_at([thing()])).to_dict(), **change}
    with pytest.raises(ValueError, match=message):
        decision_from_dict({key: value for key, value in content.items() if value is not ...}, NAMES)


def test_the_header_is_json_and_holds_the_rules_in_full() -> None:
    rules = Rules(rules=(RULE, Rule("parts", classes=("screw",), exactly=4)))
    content = json.loads(json.dumps(header(rules, NAMES, "m" * 64)))
    assert rules_from_dict(content["rules"]) == rules
    assert (content["names"], content["rules_sha256"], content["model"]) == (list(NAMES), rules.sha256, "m" * 64)
