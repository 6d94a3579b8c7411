from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from yolo_tl import api
from yolo_tl.boxes import Detections
from yolo_tl.cli import main
from yolo_tl.cli.progress import SeriesProgress
from yolo_tl.cross_validation import CrossValidation, Fold
from yolo_tl.evaluation import ImageResult, bootstrap, evaluate


@pytest.fixture
def result() -> CrossValidation:
    box = np.float32([[0, 0, 9, 9]])
    images = [
        ImageResult(f"{i}.png", Detections(box, np.float32([0.9]), np.int64([0])), box, np.int64([i % 2]))
        for i in range(6)
    ]
    folds = tuple(Fold(Path(f"out/fold{k}"), 3, 3, 0.1 * k, 0.2 * k, 0.7, 5.0) for k in (1, 2))
    return CrossValidation(
        folds, evaluate(images, ["cat", "dog"]), bootstrap(images, ["cat", "dog"]), ("kept as it is: test",)
    )


def test_scores_and_json(result: CrossValidation, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def answer(data: str, weights: str, out: str, **options: Any) -> CrossValidation:
        asked.update(data=data, weights=weights, out=out, **options)
        return result

    monkeypatch.setattr(api, "cross_validate", answer)
    line = ["cross-validate", "data", "-w", "w.pt", "-o", "out", "--folds", "3", "--seed", "4", "--epochs", "7"]
    told = CliRunner().invoke(main, [*line, "--set", "seed=2", "--group-by", "frames", "--preset", "plain"])
    assert told.exit_code == 0, told.output
    for text in ("cat", "dog", "fold1", "fold2", "best.pt was selected", "standard deviation 0.071", "from 6 images"):
        assert text in told.stdout, text
    assert "mean mAP50-95 0.150" in told.stdout
    assert isinstance(asked.pop("listener"), SeriesProgress)
    assert asked == {
        "data": "data",
        "weights": "w.pt",
        "out": "out",
        "folds": 3,
        "preset": "plain",
        "config": None,
        "overrides": {"epochs": 7, "seed": 2},
        "group_by": ("frames",),
        "near_duplicates": True,
        "seed": 4,
        "overwrite": False,
        "trust": False,
    }
    told = CliRunner().invoke(main, [*line, "--json"])
    assert json.loads(told.stdout)["fold_mean"] == pytest.approx(0.15)


def test_the_plan_is_shown_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("yolo_tl.cli.progress.render", lambda plan: "THE PLAN")
    progress = SeriesProgress()
    progress.begin(None)  # type: ignore[arg-type]
    progress.begin(None)  # type: ignore[arg-type]
    assert capsys.readouterr().err.count("THE PLAN") == 1
