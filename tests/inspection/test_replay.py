"""Logs that are decided again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.inspections import NAMES, PICTURE, classified, judge_of, looked_at, thing, unseen

from yolo_tl.errors import ConfigError, DataNotFound, ParseError, UsageError
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.judge import Judge
from yolo_tl.inspection.record import header
from yolo_tl.inspection.replay import replay
from yolo_tl.inspection.rules import QualityLimits, Region, Rule, Rules, TrackingConfig
from yolo_tl.inspection.sinks.log import LogSink

LEFT = Region("left", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)), unit="share", by="overlap", min_overlap=0.3)
RULES = Rules(
    rules=(
        Rule("none", max=0, classes=("scratch",), k_of_n=(2, 3), min_score=0.5),
        Rule("once", max=0, classes=("dent",), once_per_track=True, k_of_n=(2, 3)),
        Rule("screws", classes=("screw",), min=1, max=2, regions=("left",)),
    ),
    regions=(LEFT,),
    quality=QualityLimits(max_dark=0.5, min_sharpness=0.0),
    tracking=TrackingConfig(patience=1),
)
DARK = np.zeros((100, 200, 3), np.uint8)

things = st.builds(thing, st.integers(0, 200), st.integers(0, 100), score=st.floats(0.3, 1), kind=st.integers(0, 2))
shown = st.one_of(
    st.builds(looked_at, st.lists(things, max_size=4), image=st.sampled_from([PICTURE, DARK]), saturated=st.booleans()),
    st.builds(unseen, st.sampled_from(["lost", "late", "stale"])),
    st.builds(unseen, count=st.integers(1, 5)),
)


def decided(predictions, rules: Rules = RULES) -> list[Decision]:
    judge = Judge(rules, NAMES)
    return [judge.judge(prediction) for prediction in predictions]


def lines(decisions: list[Decision], rules: Rules = RULES) -> list[str]:
    return [json.dumps(header(rules, NAMES, "m" * 64)), *(json.dumps(decision.to_dict()) for decision in decisions)]


def write(path: Path, *parts: str) -> Path:
    path.write_text("".join(f"{part}\n" for part in parts))
    return path


@pytest.fixture
def shots() -> list:
    """Frames that hold most of what can happen."""
    rng = np.random.default_rng(3)
    scene = []
    for t in range(40):
        found = [thing(20 + 4 * t, 50, kind=1, width=30, height=30)] * bool(t % 5)
        found += [thing(*rng.uniform(0, 100, 2), score=rng.uniform(0.3, 1), kind=int(rng.integers(3)))] * (t % 3 == 0)
        scene.append(unseen(number=t, count=1 + t % 4) if t % 11 == 7 else looked_at(found, t, saturated=t == 30))
    return scene


@given(st.lists(shown, max_size=25))
@settings(max_examples=120, deadline=None)
def test_every_decision_is_made_again(tmp_path_factory, predictions) -> None:
    decisions = decided(predictions)
    log = write(tmp_path_factory.mktemp("log") / "log.jsonl", *lines(decisions))
    seen = replay(log)
    for decision, replayed in zip(decisions, seen, strict=True):
        assert replayed.same is True
        assert replayed.decision_then.to_dict() == replayed.decision_now.to_dict() == decision.to_dict()
    assert (seen.cut, seen.gaps) == ([], [])


def test_a_classification_is_decided_again(tmp_path: Path) -> None:
    rules = Rules(rules=(Rule("good", classes=("scratch",), min=1, k_of_n=(1, 2)),), min_probability=0.5)
    decisions = decided([classified(0.9, 0.1, 0), classified(0.4, 0.3, 0.3), classified(0.1, 0.9, 0)], rules)
    assert all(r.same for r in replay(write(tmp_path / "log.jsonl", *lines(decisions, rules))))


def test_a_changed_line_is_not_the_same(tmp_path: Path, shots) -> None:
    decisions = decided(shots)
    written = [json.loads(line) for line in lines(decisions)]
    for key, value in (("verdict", "PASS"), ("reasons", []), ("counts", {"none": 9})):
        number = next(i for i, d in enumerate(decisions) if d.verdict == "FAIL") + 1
        changed = [*written[:number], {**written[number], key: value}, *written[number + 1 :]]
        log = write(tmp_path / f"{key}.jsonl", *map(json.dumps, changed))
        assert [r.place for r in replay(log) if not r.same] == [f"{log}:{number + 1}"]


def test_other_rules_tell_what_would_have_been_decided(tmp_path: Path, shots) -> None:
    log = write(tmp_path / "log.jsonl", *lines(decided(shots)))
    other = Rules(rules=(Rule("any", max=0, min_score=0.6),))
    verdicts = [d.verdict for d in decided(shots, other)]
    seen = list(replay(log, other))
    assert [r.decision_now.verdict for r in seen] == verdicts
    assert [r.same for r in seen] == [r.decision_then.verdict == v for r, v in zip(seen, verdicts, strict=True)]
    assert {r.same for r in seen} == {True, False}
    with pytest.raises(ConfigError, match="no class 'scrach'"):
        list(replay(log, Rules(rules=(Rule("any", max=0, classes=("scrach",)),))))


def test_what_was_not_measured_cannot_be_limited_afterwards(tmp_path: Path) -> None:
    plain = Rules(rules=(Rule("none", max=0),))
    limited = Rules(rules=(Rule("none", max=0),), quality=QualityLimits(max_dark=0.2))
    elsewhere = Rules(rules=limited.rules, regions=(LEFT,), quality=QualityLimits(max_dark=0.2, region="left"))
    unmeasured = write(tmp_path / "a.jsonl", *lines(decided([looked_at()], plain), plain))
    measured = write(tmp_path / "b.jsonl", *lines(decided([looked_at()], limited), limited))
    for log, rules in ((unmeasured, limited), (measured, elsewhere)):
        with pytest.raises(UsageError, match="the log was not written with pictures measured in this way"):
            list(replay(log, rules))
    brighter = Rules(rules=limited.rules, quality=QualityLimits(max_bright=0.2))
    assert [r.same for r in replay(measured, brighter)] == [True]


def test_files_that_were_rotated_are_one_log(tmp_path: Path, shots) -> None:
    sink = LogSink(tmp_path / "log", size=6000, sync=0)
    sink.open(header(RULES, NAMES, "m" * 64))
    decisions = decided(shots)
    for decision in decisions:
        sink.write(decision)
    sink.close()
    assert len(list((tmp_path / "log").glob("*.jsonl"))) > 3
    seen = replay(tmp_path / "log")
    assert [r.decision_now.to_dict() for r in seen] == [d.to_dict() for d in decisions]
    assert seen.gaps == []


def test_a_judge_that_took_over_is_followed(tmp_path: Path, shots) -> None:
    other = Rules(rules=(Rule("any", max=1, k_of_n=(1, 2)),))
    parts = lines(decided(shots)) + lines(decided(shots[:7])) + lines(decided(shots[5:], other), other)
    seen = replay(write(tmp_path / "log.jsonl", *parts))
    assert all(r.same for r in seen)
    assert seen.gaps == []


@pytest.mark.parametrize("missing", [range(1, 2), range(1, 9), range(9, 12)])
def test_where_lines_are_missing_nothing_is_said_until_they_no_longer_matter(
    tmp_path: Path, shots, missing: range
) -> None:
    """Also the first ones, since old files are removed."""
    quiet = [looked_at([], number=100 + i) for i in range(4)]  # in which nothing is followed any more
    written = lines(decided([*shots, *quiet, *shots]))
    kept = [line for number, line in enumerate(written) if number not in missing]
    seen = replay(write(tmp_path / "log.jsonl", *kept))
    same = [r.same for r in seen]
    assert len(seen.gaps) == 1
    assert False not in same
    assert same[missing.start - 1] is None
    assert same[-len(shots) :] == [True] * len(shots)


def test_rules_that_look_at_one_frame_need_none_before(tmp_path: Path, shots) -> None:
    rules = Rules(rules=(Rule("none", max=0),))
    written = lines(decided(shots, rules), rules)
    assert [r.same for r in replay(write(tmp_path / "log.jsonl", written[0], *written[20:]))] == [True] * 21


@pytest.mark.parametrize("tail", ['{"verdict": "PA', "\0\0\0\0", "\0\n\0\0\n", '"a"', "\udc80"])
def test_a_last_line_that_was_cut_off_is_told_and_no_error(tmp_path: Path, shots, tail: str) -> None:
    log = tmp_path / "log.jsonl"
    whole = "\n".join(lines(decided(shots))) + "\n"
    log.write_bytes((whole + tail).encode(errors="surrogateescape"))
    seen = replay(log)
    assert [r.same for r in seen] == [True] * len(shots)
    assert seen.cut == [f"{log}:{len(shots) + 2}"]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_log_that_was_cut_anywhere_is_read_up_to_there(tmp_path_factory, data) -> None:
    decisions = decided([looked_at([thing()], i) for i in range(4)])
    content = ("\n".join(lines(decisions)) + "\n").encode()
    end = data.draw(st.integers(0, len(content)))
    log = tmp_path_factory.mktemp("log") / "log.jsonl"
    log.write_bytes(content[:end])
    assert len(list(replay(log))) == max(len([s for s in content[: end + 1].split(b"\n") if s.endswith(b"}")]) - 1, 0)


def test_a_line_in_the_middle_that_is_damaged_is_named(tmp_path: Path, shots) -> None:
    written = lines(decided(shots))
    for bad, reason in (("{", "expected a JSON object"), ("{}", "wrong or missing part"), ("[1]", "JSON object")):
        log = write(tmp_path / "log.jsonl", *written[:5], bad, *written[5:])
        with pytest.raises(ParseError, match=rf"log\.jsonl:6: .*{reason}"):
            list(replay(log))


def test_what_is_no_log_is_refused(tmp_path: Path, shots) -> None:
    head, *written = lines(decided(shots))
    content = json.loads(head)
    for bad, reason in (
        (written, r"log\.jsonl:1: expected the header of a log"),
        ([json.dumps({**content, "version": 9}), *written], "version 1, found 'yolo_tl.inspection', version 9"),
        ([json.dumps({**content, "log": "x"})], "expected a log of yolo_tl.inspection"),
        ([json.dumps({"log": content["log"], "version": 1})], "wrong or missing part"),
        ([json.dumps({**content, "rules": {"rules": []}})], "expected at least one"),
        ([json.dumps({**content, "rules": {"regeln": []}})], "unknown key 'regeln'"),
        ([json.dumps({**content, "rules": 5})], "wrong or missing part"),
        ([json.dumps({**content, "rules_sha256": "other"}), *written], r"jsonl:2: .* found one by others"),
        ([json.dumps({**content, "names": ["a"]})], "no class 'scratch'"),
    ):
        with pytest.raises(ParseError, match=reason):
            list(replay(write(tmp_path / "log.jsonl", *bad)))
    with pytest.raises(DataNotFound, match="expected a log, found none"):
        replay(tmp_path / "none.jsonl")
    with pytest.raises(DataNotFound, match="expected a log, found none"):
        replay(tmp_path)


def test_a_file_that_is_removed_while_a_log_is_read_is_named(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / f"decisions-{number:08d}.jsonl", *lines(decided([looked_at()])))
    seen = replay(tmp_path)
    next(seen)
    (tmp_path / "decisions-00000002.jsonl").unlink()
    with pytest.raises(DataNotFound, match=r"decisions-00000002\.jsonl: expected a file of the log"):
        next(seen)


def test_names_that_are_no_unicode_come_back(tmp_path: Path) -> None:
    prediction = looked_at([thing()])
    frame = type(prediction.frame)(PICTURE, "folder/\udce9.jpg", 0)
    decisions = decided([type(prediction)(frame, prediction.result, NAMES)], RULES)
    (seen,) = replay(write(tmp_path / "log.jsonl", *lines(decisions)))
    assert (seen.same, seen.decision_then.prediction.frame.source) == (True, "folder/\udce9.jpg")


def test_a_replayed_frame_has_no_picture(tmp_path: Path) -> None:
    (seen,) = replay(write(tmp_path / "log.jsonl", *lines(decided([looked_at([thing()])]))))
    with pytest.raises(UsageError, match="nothing to draw"):
        seen.decision_now.prediction.draw()
    assert judge_of(Rule("r", max=0)).rules.sha256 != seen.decision_now.rules
