from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from yolo_tl import api
from yolo_tl.cli.curve import command, parse_sizes
from yolo_tl.cli.progress import SeriesProgress
from yolo_tl.errors import ConfigError
from yolo_tl.evaluation import Interval
from yolo_tl.evaluation.power_law import MeanScore, PowerLaw, fit_curve
from yolo_tl.learning_curve import CurvePoint, LearningCurve


@pytest.fixture
def result() -> LearningCurve:
    law, sizes = PowerLaw(0.9, 0.8, 0.3), [25, 50, 100]
    scores = law.at(sizes)
    fit = fit_curve(sizes, scores, scores + np.random.default_rng(0).normal(0, 0.003, (300, 3)))
    spread = Interval(0.4, 0.5)
    points = tuple(CurvePoint(n, 0, 0.45, spread, 300 + n, 60.0, Path(f"out/n{n}-seed0")) for n in sizes)
    means = tuple(MeanScore(n, s, spread, 3) for n, s in zip(sizes, scores.tolist(), strict=True))
    return LearningCurve(points, means, fit, fit.more_for(0.02), ("one run",), Path("out/curve.svg"))


@pytest.fixture
def asked(result: LearningCurve, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    kept: dict[str, Any] = {}

    def answer(data: str, weights: str, **options: Any) -> LearningCurve:
        kept.update(data=data, weights=weights, **options)
        return result

    monkeypatch.setattr(api, "curve", answer, raising=False)
    return kept


def test_the_curve_and_the_sentence(result: LearningCurve, asked: dict[str, Any]) -> None:
    line = ["data", "-w", "w.pt", "--sizes", "25,50,100", "--repeats", "2", "--steps", "300", "--gain", "0.03"]
    told = CliRunner().invoke(command, [*line, "-o", "out", "--seed", "4", "--set", "lr=0.01", "--preset", "plain"])
    assert told.exit_code == 0, told.output
    shown = ("images", "law: 0.9", "200 images: 0.7", "note: one run", "3 runs of 325 to 400 steps, 180 CPU-s")
    for text in (*shown, "[0.400, 0.500]", "picture: out/curve.svg"):
        assert text in told.stdout, text
    assert told.stdout.splitlines()[-1] == result.sentence
    assert result.sentence.startswith("about ")
    assert isinstance(asked.pop("listener"), SeriesProgress)
    assert asked == {
        "data": "data",
        "weights": "w.pt",
        "out": "out",
        "sizes": [25, 50, 100],
        "repeats": 2,
        "steps": 300,
        "gain": 0.03,
        "preset": "plain",
        "config": None,
        "overrides": {"seed": 4, "lr": 0.01},
        "overwrite": False,
        "trust": False,
    }


def test_defaults_and_json(result: LearningCurve, asked: dict[str, Any]) -> None:
    told = CliRunner().invoke(command, ["data", "-w", "w.pt", "--json"])
    assert json.loads(told.stdout) == json.loads(json.dumps(result.to_json()))
    assert (asked["out"], asked["sizes"], asked["steps"], asked["repeats"]) == ("runs/curve", None, None, 3)


def test_two_sizes_are_shown_without_a_law(result: LearningCurve, asked: dict[str, Any]) -> None:
    object.__setattr__(result, "fit", None)
    object.__setattr__(result, "more", None)
    told = CliRunner().invoke(command, ["data", "-w", "w.pt"])
    assert told.exit_code == 0, told.output
    assert "law" not in told.stdout
    assert told.stdout.splitlines()[-1].startswith("no forecast")


@pytest.mark.parametrize("text", ["", "25,", "25;50", "a", "0.5", "-3"])
def test_sizes_are_numbers(text: str) -> None:
    with pytest.raises(ConfigError, match="--sizes"):
        parse_sizes(text)
