"""PASS, FAIL and UNKNOWN."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.inspections import NAMES, PICTURE, classified, codes, judge_of, looked_at, thing, unseen

from yolo_tl.boxes import Detections
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.prediction import Prediction
from yolo_tl.errors import ConfigError, UsageError
from yolo_tl.inspection.judge import Judge
from yolo_tl.inspection.rules import QualityLimits, Region, Rule, Rules, TrackingConfig

NONE = Rule("no-defects", max=0)
LEFT = Region("left", ((0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)))
STATES = ("dropped", "late", "stale", "lost", "unreadable", "resized")


def test_nothing_found_is_a_pass_and_an_object_a_fail_with_its_numbers() -> None:
    judge = judge_of(NONE)
    passed, failed = judge.judge(looked_at()), judge.judge(looked_at([thing(score=0.9), thing(score=0.5, kind=1)]))
    assert (passed.verdict, passed.reasons, passed.counts, passed.index) == ("PASS", (), {"no-defects": 0}, 0)
    assert (failed.verdict, failed.counts, failed.index) == ("FAIL", {"no-defects": 2}, 1)
    assert failed.reasons[0].text == "2 found (scratch 0.90, dent 0.50), none allowed"
    assert failed.reasons[0].rule == "no-defects"
    assert failed.rules == judge.rules.sha256


@pytest.mark.parametrize("state", STATES)
def test_a_frame_that_was_not_looked_at_is_unknown_whatever_the_rules(state) -> None:
    for rule in (NONE, Rule("a", min=0, max=9), Rule("a", max=0, k_of_n=(1, 3)), Rule("a", max=0, once_per_track=True)):
        judge = judge_of(rule)
        judge.judge(looked_at([thing()]))
        decision = judge.judge(unseen(state))
        assert (decision.verdict, codes(decision), decision.counts) == ("UNKNOWN", [state], {})


def test_a_model_that_failed_or_put_out_what_is_no_number_is_unknown() -> None:
    judge = judge_of(NONE)
    failed = Prediction(Frame(PICTURE, "camera", 0), None, NAMES)
    assert codes(judge.judge(failed)) == ["failed"]
    assert codes(judge.judge(looked_at([[np.nan, 0, 1, 1, 0.9, 0]]))) == ["failed"]
    assert codes(judge.judge(looked_at([[0, 0, 1, 1, np.nan, 0]]))) == ["failed"]
    box = Detections.from_rows([thing()])
    turned = Detections(box.xyxy, box.confidence, box.class_id, angle=np.array([np.nan], np.float32))
    assert codes(judge.judge(looked_at(turned))) == ["failed"]


def test_what_is_found_in_a_poor_picture_is_a_fail_and_what_is_not_found_is_unknown() -> None:
    rules = (NONE, Rule("screws", classes=("screw",), exactly=1))
    dark = np.zeros((100, 200, 3), np.uint8)
    for poor in ({"image": dark}, {"saturated": True}):
        judge = judge_of(*rules, quality=QualityLimits(max_dark=0.5))
        failed = judge.judge(looked_at([thing()], **poor))
        assert failed.verdict == "FAIL"
        assert [reason.rule for reason in failed.reasons if reason.code == "rule"] == ["no-defects"]
    judge = judge_of(Rule("screws", classes=("screw",), exactly=1))
    assert judge.judge(looked_at([thing(kind=2)], saturated=True)).verdict == "UNKNOWN"
    missing = judge.judge(looked_at([], saturated=True))
    assert (missing.verdict, codes(missing)) == ("UNKNOWN", ["saturated"])
    assert judge.judge(looked_at([])).verdict == "FAIL"
    assert judge.judge(looked_at([thing(kind=2)] * 2, saturated=True)).verdict == "FAIL"


def test_quality_is_kept_where_it_is_limited_only() -> None:
    bright = looked_at([], image=np.full((10, 10, 3), 255, np.uint8))
    assert judge_of(NONE).judge(bright).quality is None
    decision = judge_of(NONE, quality=QualityLimits(max_bright=0.5)).judge(bright)
    assert (codes(decision), decision.quality.bright) == (["bright"], 1.0)


@pytest.mark.parametrize(
    ("rule", "counted"),
    [
        (Rule("r", max=0), 4),
        (Rule("r", max=0, classes=("dent", "screw")), 2),
        (Rule("r", max=0, min_score=0.8), 2),
        (Rule("r", max=0, min_size=10), 2),
        (Rule("r", max=0, max_size=5), 2),
        (Rule("r", max=0, min_size=40, size="longer"), 1),
        (Rule("r", max=0, min_size=100, size="area"), 3),
        (Rule("r", max=0, min_size=0.1, unit="share"), 2),
        (Rule("r", max=0, min_size=0.2, size="longer", unit="share"), 1),
        (Rule("r", max=0, max_size=0.005, size="area", unit="share"), 2),
        (Rule("r", max=0, regions=("left",)), 2),
        (Rule("r", max=0, regions=("left", "right")), 4),
        (Rule("r", max=0, regions=("left",), classes=("dent",), min_score=0.6), 1),
    ],
)
def test_a_rule_counts_what_it_asks_for(rule: Rule, counted: int) -> None:
    things = [
        thing(20, 20, width=10, height=10, score=0.9, kind=0),
        thing(60, 60, width=5, height=40, score=0.8, kind=1),
        thing(150, 20, width=4, height=4, score=0.7, kind=2),
        thing(150, 60, width=20, height=10, score=0.6, kind=0),
    ]
    right = Region("right", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)), unit="share")
    assert judge_of(rule, regions=(LEFT, right)).judge(looked_at(things)).counts == {"r": counted}


def test_an_object_is_in_a_region_by_its_centre_or_by_its_share() -> None:
    astride = [thing(98, 50, width=40, height=10), thing(108, 50, width=40, height=10)]
    half = Region("half", LEFT.polygon, by="overlap", min_overlap=0.5)
    some = Region("some", LEFT.polygon, by="overlap", min_overlap=0.25)
    rules = [Rule(name, max=0, regions=(name,)) for name in ("left", "half", "some")]
    decision = judge_of(*rules, regions=(LEFT, half, some)).judge(looked_at(astride))
    assert decision.counts == {"left": 1, "half": 1, "some": 2}


def test_a_box_without_area_is_in_a_region_by_its_centre() -> None:
    some = Region("some", LEFT.polygon, by="overlap")
    judge = judge_of(Rule("r", max=0, regions=("some",)), regions=(some,))
    flat = [thing(50, 50, width=0), thing(50, 50, height=0), thing(150, 50, width=0)]
    assert judge.judge(looked_at(flat)).counts == {"r": 2}


def test_the_share_of_a_turned_box_is_that_of_the_box_as_it_lies() -> None:
    upright, turned = np.array([[80, 45, 140, 55]], np.float32), np.array([np.pi / 2], np.float32)
    found = Detections(upright, np.array([0.9], np.float32), np.array([0]), angle=turned)
    wide = Region("wide", ((0.0, 0.0), (112.0, 0.0), (112.0, 100.0), (0.0, 100.0)), by="overlap", min_overlap=0.6)
    judge = judge_of(Rule("r", max=0, regions=("wide",)), regions=(wide,))
    assert judge.judge(looked_at(found)).counts == {"r": 1}  # 7 of 10 px; lying it would be 32 of 60
    assert judge.judge(looked_at([thing(110, 50, width=60, height=10)])).counts == {"r": 0}


def test_objects_in_an_ignored_region_count_for_no_rule() -> None:
    logo = Region("logo", ((90.0, 40.0), (110.0, 40.0), (110.0, 60.0), (90.0, 60.0)), ignore=True)
    judge = judge_of(NONE, Rule("left", max=0, regions=("left",)), regions=(LEFT, logo))
    assert judge.judge(looked_at([thing(100, 50), thing(95, 45), thing(89, 45)])).counts == {"no-defects": 1, "left": 1}


def test_a_region_beyond_the_picture_is_unknown_and_never_empty() -> None:
    judge = judge_of(Rule("left", max=0, regions=("left",)), regions=(LEFT,))
    small = judge.judge(looked_at([], image=np.full((80, 120, 3), 128, np.uint8)))
    assert (small.verdict, codes(small)) == ("UNKNOWN", ["outside"])
    assert small.reasons[0].text == "region left reaches beyond the picture of 120 x 80 px"
    assert judge.judge(looked_at([])).verdict == "PASS"


def test_shares_follow_the_size_of_each_picture() -> None:
    half = Region("half", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)), unit="share")
    judge = judge_of(Rule("r", max=0, regions=("half",)), regions=(half,))
    there = [thing(150, 50)]
    assert judge.judge(looked_at(there)).verdict == "PASS"
    assert judge.judge(looked_at(there, image=np.full((100, 400, 3), 128, np.uint8))).verdict == "FAIL"


frames = st.lists(st.sampled_from(["defect", "clean", "poor", "poor defect", -1, -3]), max_size=14)
sizes = st.integers(1, 5).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n)))


@given(sizes, frames)
@settings(max_examples=200, deadline=None)
def test_k_of_n_passes_or_fails_only_where_every_completion_does(size, shown) -> None:
    k, n = size
    judge, history = judge_of(Rule("r", max=0, k_of_n=size)), []
    for number, kind in enumerate(shown):
        if isinstance(kind, int):
            history += [None] * -kind
            decision = judge.judge(unseen(number=number, count=-kind))
            assert decision.verdict == "UNKNOWN"
            continue
        poor = kind.startswith("poor")
        history.append(True if kind.endswith("defect") else None if poor else False)
        decision = judge.judge(looked_at([thing()] * kind.endswith("defect"), number, saturated=poor))
        last = ([None] * n + history)[-n:]
        choices = [(True, False) if outcome is None else (outcome,) for outcome in last]
        verdicts = {"FAIL" if sum(completion) >= k else "PASS" for completion in product(*choices)}
        expected = verdicts.pop() if len(verdicts) == 1 else "UNKNOWN"
        assert decision.verdict == ("UNKNOWN" if poor and expected == "PASS" else expected)
        assert (decision.verdict == "PASS") == (not decision.reasons)


def test_a_window_that_is_not_full_says_so() -> None:
    judge = judge_of(Rule("r", max=0, k_of_n=(2, 3)))
    first = judge.judge(looked_at([thing()]))
    assert (codes(first), first.reasons[0].rule) == (["warming"], "r")
    assert first.reasons[0].text == "broken in 1, not known in 0 of 1 frames so far; 2 of 3 are a FAIL"
    judge.judge(unseen())
    judge.judge(looked_at([]))
    assert codes(judge.judge(looked_at([thing()]))) == ["undecided"]
    assert (
        judge.judge(looked_at([thing()])).reasons[0].text.startswith("broken in 2 of the last 3 frames, 2 are a FAIL")
    )


def moving(t: int) -> list[list[float]]:
    """An object that crosses the picture, 10 px a frame."""
    return [thing(20 + 10 * t, 50, width=30, height=30)]


def test_an_object_fails_once_while_it_is_followed_and_a_second_one_again() -> None:
    judge = judge_of(Rule("r", max=0, once_per_track=True, k_of_n=(2, 2)))
    verdicts = []
    for t in range(8):
        second = [thing(20, 90, kind=1)] if t >= 4 else []
        decision = judge.judge(looked_at([*moving(t), *second], t))
        verdicts.append(decision.verdict)
        assert decision.tracks == ((1, 2) if second else (1,))
        assert decision.to_dict()["tracks"] == list(decision.tracks)
    assert verdicts == ["UNKNOWN", "FAIL", "PASS", "PASS", "PASS", "FAIL", "PASS", "PASS"]


def test_only_classes_that_are_counted_once_are_followed() -> None:
    judge = judge_of(Rule("r", classes=("dent",), max=0, once_per_track=True), Rule("screws", max=9))
    decision = judge.judge(looked_at([thing(20, kind=2), thing(50, kind=1), thing(90, kind=0), thing(150, kind=1)]))
    assert decision.tracks == (0, 1, 0, 2)
    assert decision.counts == {"r": 2, "screws": 4}


def test_an_object_is_reported_once_across_frames_that_were_not_looked_at() -> None:
    judge = judge_of(Rule("r", max=0, once_per_track=True))
    shown = [looked_at(moving(0)), looked_at(moving(1)), unseen(count=3), looked_at(moving(5)), looked_at([])]
    assert [judge.judge(prediction).verdict for prediction in shown] == ["FAIL", "PASS", "UNKNOWN", "PASS", "PASS"]


def test_an_object_is_reported_when_it_comes_into_the_region() -> None:
    right = Region("right", ((100.0, 0.0), (200.0, 0.0), (200.0, 100.0), (100.0, 100.0)))
    judge = judge_of(Rule("r", max=0, once_per_track=True, regions=("right",)), regions=(right,))
    verdicts = [judge.judge(looked_at(moving(t), t)).verdict for t in range(15)]
    assert verdicts.index("FAIL") == 8
    assert verdicts.count("FAIL") == 1


def test_a_motion_that_is_known_lets_fast_objects_be_followed() -> None:
    fast = [looked_at([thing(20 + 40 * t, 50)], t) for t in range(4)]
    rule = Rule("r", max=0, once_per_track=True)
    lost = [judge_of(rule).judge(p).verdict for p in fast]
    judge = judge_of(rule, tracking=TrackingConfig(motion=(40.0, 0.0)))
    assert lost == ["FAIL"] * 4
    assert [judge.judge(p).verdict for p in fast] == ["FAIL", "PASS", "PASS", "PASS"]


def test_a_picture_that_is_named_is_one_object() -> None:
    good = Rule("good", classes=("scratch",), min=1, min_score=0.8)
    judge = judge_of(good, min_probability=0.5)
    verdicts = [judge.judge(classified(*p)).verdict for p in ((0.9, 0.1, 0), (0.7, 0.3, 0), (0.1, 0.9, 0))]
    assert verdicts == ["PASS", "FAIL", "FAIL"]
    unsure = judge.judge(classified(0.4, 0.3, 0.3))
    assert (unsure.verdict, codes(unsure), unsure.counts) == ("UNKNOWN", ["unsure"], {})
    assert codes(judge.judge(classified(np.nan, 0, 0))) == ["failed"]


def test_rules_that_need_boxes_are_refused_for_a_model_that_classifies() -> None:
    for key, value in {"regions": ("left",), "min_size": 3.0, "once_per_track": True}.items():
        judge = judge_of(Rule("r", max=0, **{key: value}), regions=(LEFT,))
        with pytest.raises(ConfigError, match=f"{key} of rule r"):
            judge.judge(classified(1, 0, 0))


def test_rules_must_fit_the_model() -> None:
    with pytest.raises(ConfigError, match="rule r: the model has no class 'scrach'; did you mean 'scratch'"):
        judge_of(Rule("r", max=0, classes=("scrach",)))
    by_class = Thresholds(0.3, by_class=((1, 0.6),))
    Judge(Rules(rules=(Rule("r", max=0, classes=("scratch",), min_score=0.3),)), NAMES, thresholds=by_class)
    for classes, known in (((), "dent"), (("dent",), "dent")):
        rules = Rules(rules=(Rule("r", max=0, classes=classes, min_score=0.5),))
        with pytest.raises(ConfigError, match=f"min_score of rule r: .* threshold for {known}, 0.6, found 0.5"):
            Judge(rules, NAMES, thresholds=by_class)
    with pytest.raises(ConfigError, match="expected the classes scratch, dent, screw, found a, b"):
        judge_of(NONE).judge(looked_at([], names=("a", "b")))


def test_deciding_without_a_picture_asks_for_what_it_needs() -> None:
    with pytest.raises(UsageError, match="the rules need the quality"):
        judge_of(NONE, quality=QualityLimits(max_dark=0.5)).decide(looked_at(), (100, 200), None)
    with pytest.raises(UsageError, match="the rules need the size"):
        judge_of(NONE).decide(looked_at(), None, None)


def test_a_judge_that_is_reset_is_a_new_one() -> None:
    rules = (Rule("r", max=0, k_of_n=(2, 3)), Rule("once", max=0, once_per_track=True))
    shown = [looked_at([thing()]), unseen(), looked_at([thing()]), looked_at([]), looked_at([])]
    judge = judge_of(*rules)
    first = [judge.judge(prediction).to_dict() for prediction in shown]
    judge.reset()
    assert [judge.judge(prediction).to_dict() for prediction in shown] == first
