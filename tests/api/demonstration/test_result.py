from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.demos import finished

from yolo_tl.api.demonstration.result import DemoResult


def result(**verdict: Any) -> DemoResult:
    return DemoResult.of(Path("runs/demo"), finished(Path("runs/demo"), **verdict), kept=False)


@pytest.mark.parametrize(
    "verdict, said",
    [
        ({}, "Transfer beat training from scratch here: mAP50-95 0.150 against 0.010 after 9 epochs each on 48"),
        ({"outcome": "no difference", "low": -0.01}, "Transfer is NOT shown to beat training from scratch here: "),
        ({"outcome": "negative transfer", "high": -0.1}, "Transfer did NOT help here: training from scratch was "),
    ],
)
def test_what_is_claimed_is_what_was_measured(verdict: dict[str, Any], said: str) -> None:
    found = result(**verdict)
    assert found.claim.startswith(said)
    assert f"[{found.transfer['low']:+.3f}, {found.transfer['high']:+.3f}]" in found.claim


def test_features_that_know_nothing_and_a_missing_interval_are_told() -> None:
    doubtful = result(informative=False, low=None, high=None).claim
    assert "no better than random" in doubtful
    assert "interval" not in doubtful
    assert "no better than random" not in result().claim


def test_json_has_all_of_it() -> None:
    plain = json.loads(json.dumps(result().to_json()))
    names = ["sample", "convert", "check", "plan", "train", "evaluate", "verdict", "export", "selftest", "inspect"]
    assert [step["name"] for step in plain["steps"]] == names
    assert plain["seconds"] == sum(range(1, 11))
    assert plain["transfer"]["outcome"] == "use this"
    assert plain["transfer"]["sentence"] == result().claim
    assert plain["report"] == "runs/demo/run/report.html"
    assert plain["next"][3] == "yolo-tl train datasets/mine --weights yolo26n-parts.pt --out runs/mine"
