from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from support.verdicts import made_up_verdict

from yolo_tl import api
from yolo_tl.cli.verdict import RungProgress, command, render


def test_the_last_line_is_the_verdict() -> None:
    verdict = made_up_verdict(0.4, 0.8, score=-0.7)
    lines = render(verdict).splitlines()
    assert lines[-1] == verdict.describe()
    assert lines[-1].startswith("negative transfer: start from scratch, not from w.pt, full; mAP50-95 ")
    text = "\n".join(lines)
    for part in ("backbone/8", "LogME objects", "w.pt, frozen", "a.yaml, scratch", "0.100 after 3 epochs", "compared"):
        assert part in text, part
    assert "note: w.pt: its features tell objects from background no better than" in text


def test_options_reach_the_api_and_json_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    verdict = made_up_verdict(0.8, 0.4)

    def answer(data: str, weights: tuple[str, ...], **options: Any) -> Any:
        asked.update(data=data, weights=weights, **options)
        return verdict

    monkeypatch.setattr(api, "verdict", answer, raising=False)
    line = ["data", "-w", "w.pt", "-w", "v.pt", "--out", "o", "--epochs", "27", "--seeds", "0,1", "--imgsz", "320"]
    told = CliRunner().invoke(command, [*line, "--set", "augment.mosaic=0"])
    assert told.exit_code == 0, told.output
    assert told.stdout.rstrip().endswith(verdict.describe())
    assert isinstance(asked.pop("listener"), RungProgress)
    assert asked == {
        "data": "data",
        "weights": ("w.pt", "v.pt"),
        "out": "o",
        "epochs": 27,
        "seeds": (0, 1),
        "preset": "small-data",
        "config": None,
        "overrides": {"imgsz": 320, "augment.mosaic": 0},
        "overwrite": False,
        "trust": False,
    }
    told = CliRunner().invoke(command, [*line, "--json"])
    assert json.loads(told.stdout)["outcome"] == "use this"


def test_seeds_that_are_no_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    told = CliRunner().invoke(command, ["data", "-w", "w.pt", "--seeds", "a,b"])
    assert told.exit_code != 0
    assert "expected numbers such as 0,1,2" in str(told.exception)


def test_plans_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    progress = RungProgress()
    progress.begin(None)  # type: ignore[arg-type]
    progress.note("w.pt, full, seed 0: 3 epochs")
    assert capsys.readouterr().err == "w.pt, full, seed 0: 3 epochs\n"
