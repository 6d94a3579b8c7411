from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from yolo_tl import api
from yolo_tl.cli.label_next import command
from yolo_tl.labelling import Choice, Selection

WHY = "0.30 from all that is labelled or chosen"


def selection(count: int, **more: Any) -> Selection:
    choices = tuple(Choice(k, Path(f"pool/{k}.jpg"), 0.3, 0.3, None, None, WHY) for k in range(1, count + 1))
    plain = {"images": 90, "labelled": 10, "copies": 0, "twins": 0, "damaged": (), "radius_before": 0.4, "radius": 0.2}
    return Selection("k-centre", choices, **{**plain, **more})


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    kept: dict[str, Any] = {"answer": selection(3)}

    def answer(images: str, **options: Any) -> Selection:
        kept.update(images=images, **options)
        return kept["answer"]

    monkeypatch.setattr(api, "label_next", answer, raising=False)
    return kept


def test_every_option_reaches_the_api(answers: dict[str, Any]) -> None:
    line = [
        "pool",
        "-m",
        "run",
        "--weights",
        "w.pt",
        "--data",
        "data",
        "-n",
        "7",
        "--method",
        "k-centre",
        "-o",
        "n.csv",
    ]
    told = CliRunner().invoke(command, [*line, "--copy-to", "todo", "--suggest", "--device", "cpu", "--overwrite"])
    assert told.exit_code == 0, told.output
    assert told.stdout.count(WHY) == 3
    assert "pool/1.jpg" in told.stdout
    assert (
        "3 of 90 images chosen by k-centre, beside 10 labelled; farthest of the rest: 0.200 (before: 0.400)"
        in told.stderr
    )
    assert {key: value for key, value in answers.items() if key != "answer"} == {
        "images": "pool",
        "model": "run",
        "weights": "w.pt",
        "data": "data",
        "count": 7,
        "method": "k-centre",
        "out": "n.csv",
        "copy_to": "todo",
        "suggest": True,
        "device": "cpu",
        "overwrite": True,
        "trust": False,
    }


def test_what_was_left_out_is_said(answers: dict[str, Any]) -> None:
    answers["answer"] = selection(2, copies=4, twins=5, damaged=(Path("pool/torn.jpg"),), radius_before=None)
    told = CliRunner().invoke(command, ["pool", "-w", "w.pt"])
    for text in ("damaged, left out: pool/torn.jpg", "4 copies of labelled", "5 copies of chosen", "rest: 0.200\n"):
        assert text in told.stderr, text


def test_a_long_list_is_cut(answers: dict[str, Any]) -> None:
    answers["answer"] = selection(30)
    told = CliRunner().invoke(command, ["pool", "-w", "w.pt"])
    assert told.stdout.splitlines()[-1] == "... and 10 more"
    assert "pool/21.jpg" not in told.stdout


def test_json_is_whole(answers: dict[str, Any]) -> None:
    answers["answer"] = selection(30, damaged=(Path("pool/torn.jpg"),))
    plain = json.loads(CliRunner().invoke(command, ["pool", "-w", "w.pt", "--json"]).stdout)
    assert len(plain["choices"]) == 30
    assert plain["choices"][0] == {
        "rank": 1,
        "image": "pool/1.jpg",
        "score": 0.3,
        "distance": 0.3,
        "uncertainty": None,
        "found": None,
        "reason": WHY,
    }
    assert plain["damaged"] == ["pool/torn.jpg"]
