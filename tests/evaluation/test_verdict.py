from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.verdicts import made_up_verdict


@pytest.mark.parametrize(
    ("transfer", "scratch", "outcome"),
    [(0.8, 0.4, "use this"), (0.4, 0.8, "negative transfer"), (0.6, 0.61, "no difference")],
)
def test_the_outcome_is_where_the_interval_lies(transfer: float, scratch: float, outcome: str) -> None:
    verdict = made_up_verdict(transfer, scratch)
    change = verdict.comparison.map50_95
    assert verdict.outcome == outcome
    assert verdict.describe().startswith(outcome)
    assert (change.low > 0, change.high < 0) == (outcome == "use this", outcome == "negative transfer")
    assert f"[{change.low:+.3f}, {change.high:+.3f}]" in verdict.describe()
    assert verdict.winner is (verdict.transfer if change.observed > 0 else verdict.scratch)
    assert verdict.flagged == (outcome != "use this")


def test_a_start_that_wins_without_features_is_flagged_and_says_why() -> None:
    verdict = made_up_verdict(0.8, 0.4, score=-0.6)
    assert verdict.outcome == "use this"
    assert verdict.flagged
    assert "no better than those of random weights" in verdict.notes[0]
    assert "weights of a good scale train faster" in verdict.notes[1]
    assert "its features are no better than random" in verdict.describe()
    assert "no better than random" not in made_up_verdict(0.8, 0.4).describe()
    assert not any("good scale" in note for note in made_up_verdict(0.8, 0.4).notes)


def test_the_share_is_of_training_all_in_full() -> None:
    verdict = made_up_verdict(0.8, 0.4)
    assert verdict.share == pytest.approx(220 / 720)
    assert "31% of training all 3 in full" in verdict.describe()
    untimed = replace(verdict, candidates=tuple(replace(c, full_cpu_seconds=0.0) for c in verdict.candidates))
    assert untimed.share is None
    assert "in full" not in untimed.describe()


def test_json_has_the_verdict_and_what_it_rests_on() -> None:
    verdict = made_up_verdict(0.8, 0.4)
    plain = json.loads(json.dumps(verdict.to_json()))
    assert plain["outcome"] == "use this"
    assert plain["winner"] == plain["transfer"] == "full-1"
    assert plain["starts"][0]["informative"] is True
    assert plain["candidates"][1]["name"] == "w.pt, frozen"
    assert plain["candidates"][2]["name"] == "a.yaml, scratch"
    assert plain["comparison"]["map50_95"]["low"] == verdict.comparison.map50_95.low
    assert plain["share"] == verdict.share
