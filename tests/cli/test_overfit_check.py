from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from yolo_tl import api
from yolo_tl.cli import main
from yolo_tl.data.checks.finding import Finding
from yolo_tl.overfitting import Missed, OverfitReport

LEARNT = OverfitReport(True, 40, 0.981, ("a.jpg", "b.jpg"), 31, ("rare",), elsewhere=0.42)
MISSED = tuple(Missed(f"/data/{i}.jpg", "cat", (1.0, 2.0, 30.0, 40.4), "under 8 px") for i in range(25))
FINDING = Finding("1 copy of an image labelled differently", hint="keep one of the two", id="labels.conflict")
FAILED = OverfitReport(False, 300, 0.5, ("a.jpg",), 9, (), MISSED, 3, (FINDING,), Path("out/worst.jpg"))
CHANCE = OverfitReport(True, 200, 0.96, ("a.jpg",), 9, (), elsewhere=0.01)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch):
    """Run the command on a report that is made already; also what the command asked for."""

    def run(report: OverfitReport, *arguments: str) -> tuple[Result, dict[str, Any]]:
        asked: dict[str, Any] = {}

        def answer(data: str, weights: str, **options: Any) -> OverfitReport:
            asked.update(data=data, weights=weights, **options)
            return report

        monkeypatch.setattr(api, "overfit_check", answer)
        return CliRunner().invoke(main, ["overfit-check", "data", "-w", "w.pt", *arguments]), asked

    return run


def test_what_is_learnt_is_said_in_a_line(check) -> None:
    result, asked = check(LEARNT, "--imgsz", "320", "--set", "threads=1", "--images", "2")
    assert result.exit_code == 0
    assert "learnt after 40 steps: 2 images, 31 boxes, mAP50 0.98; 0.42 on other training images" in result.stdout
    assert "do not show: rare" in result.stdout
    assert asked == {
        "data": "data",
        "weights": "w.pt",
        "images": 2,
        "steps": 300,
        "overrides": {"imgsz": 320, "threads": 1},
        "out": None,
        "trust": False,
    }


def test_what_is_not_learnt_is_named_and_exits_with_3(check) -> None:
    result, _ = check(FAILED)
    assert result.exit_code == 3
    for text in ("0.jpg", "1 2 30 40", "under 8 px", "and 5 more", "25 cat", "3 (are objects", "labels.conflict"):
        assert text in result.stdout, text
    assert "worst.jpg" in result.stdout
    assert "20.jpg" not in result.stdout
    assert "not learnt in 300 steps" in result.stderr


def test_what_is_true_of_no_other_image_exits_with_3(check) -> None:
    result, _ = check(CHANCE)
    assert result.exit_code == 3
    assert "next to nothing of it was found in other training images" in result.stdout


@pytest.mark.parametrize(("report", "code"), [(LEARNT, 0), (FAILED, 3), (CHANCE, 3)])
def test_json_is_all_that_is_on_stdout(check, report: OverfitReport, code: int) -> None:
    result, _ = check(report, "--json")
    assert result.exit_code == code
    answer = json.loads(result.stdout)
    assert answer["passed"] is (code == 0)
    assert answer["steps"] == report.steps
    assert len(answer["missed"]) == len(report.missed)
