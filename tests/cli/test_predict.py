from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from support.networks import exported

from yolo_tl import api
from yolo_tl.cli.predict import command
from yolo_tl.edge import Classification, Frame, Prediction


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    path = tmp_path / "one.png"
    cv2.imwrite(str(path), cv2.resize(noise, (90, 70), interpolation=cv2.INTER_CUBIC))
    return path


def test_objects_with_what_their_task_adds(picture: Path) -> None:
    model, arguments = str(exported("pose", "onnx")), ["--confidence", "0.3", "--json"]
    done = CliRunner().invoke(command, [model, str(picture), *arguments], catch_exceptions=False)
    (line,) = done.stdout.splitlines()
    answer = json.loads(line)
    assert answer["image"] == str(picture)
    assert all(np.shape(row["keypoints"]) == (2, 3) for row in answer["detections"])
    assert done.stderr == f"{len(answer['detections'])} detections in 1 images\n"
    spoken = CliRunner().invoke(command, [model, str(picture), *arguments[:2]], catch_exceptions=False)
    assert spoken.stdout.startswith(f"{picture}: ")


def test_classes_of_whole_images(monkeypatch: pytest.MonkeyPatch) -> None:
    image, classes = np.zeros((8, 8, 3), np.uint8), Classification(np.array([0.2, 0.8], np.float32))
    said = [Prediction(Frame(image, "images", i, f"{i}.jpg"), classes, ["ok", "crack"]) for i in (0, 1)]
    monkeypatch.setattr(api, "predict", lambda *args, **options: iter(said))
    done = CliRunner().invoke(command, ["model.onnx", "images", "-o", "there"], catch_exceptions=False)
    assert done.stdout == "0.jpg: crack 0.80\n1.jpg: crack 0.80\n"
    assert done.stderr == "2 images classified, written to there\n"
    done = CliRunner().invoke(command, ["model.onnx", "images", "--json"], catch_exceptions=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["name"] for row in answers[1]["classes"]] == ["crack", "ok"]
