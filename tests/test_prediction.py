"""Models of every task over images: what is told, written and drawn."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.networks import exported, tiny

from yolo_tl.edge import Classifier, Detector, Prediction
from yolo_tl.errors import UsageError
from yolo_tl.prediction import load_detector, load_model, run

MORE = {
    "detect": set(),
    "segment": {"mask"},
    "obb": {"angle", "corners"},
    "pose": {"keypoints"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures."""
    (tmp_path / "in").mkdir()
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"in/{number}.png"), cv2.resize(noise, (90, 70), interpolation=cv2.INTER_CUBIC))
    return tmp_path


def predict(task: str, folder: Path) -> list[Prediction]:
    model = load_model(str(exported(task, "onnx")))
    return list(run(model, str(folder / "in"), out=folder / "out", confidence=0.3, iou=None))


def checkpoint(path: Path, task: str) -> Path:
    """A ``.pt`` as Ultralytics saves one."""
    import torch

    module = tiny(task)
    module.args = {"imgsz": 64, "task": task}
    torch.save({"model": module, "train_args": module.args}, path)
    return path


@pytest.mark.parametrize("task", MORE)
def test_rows_pictures_and_lines_of_every_task(folder: Path, task: str) -> None:
    found = predict(task, folder)
    lines = [json.loads(line) for line in (folder / "out/detections.jsonl").read_text().splitlines()]
    assert lines == [prediction.to_dict() for prediction in found]
    assert [Path(line["image"]).name for line in lines] == ["0.png", "1.png"]
    rows = [row for line in lines for row in line["detections"]]
    assert len(rows) == sum(map(len, found)) > 0
    for row in rows:
        assert row.keys() == {"box", "confidence", "class_id", "name", *MORE[task]}
        assert row["name"] in {"red", "green", "blue"}
    assert {path.name for path in (folder / "out").iterdir()} == {"detections.jsonl", "0.jpg", "1.jpg"}
    assert not any(prediction.classified for prediction in found)


def test_a_model_that_classifies(folder: Path) -> None:
    found = predict("classify", folder)
    lines = [json.loads(line) for line in (folder / "out/classes.jsonl").read_text().splitlines()]
    assert lines == [prediction.to_dict() for prediction in found]
    for line, prediction in zip(lines, found, strict=True):
        scores = [row["confidence"] for row in line["classes"]]
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) == pytest.approx(1, abs=1e-5)
        assert prediction.classified
        assert prediction.describe() == f"{line['classes'][0]['name']} {scores[0]:.2f}"
    assert {path.name for path in (folder / "out").iterdir()} == {"classes.jsonl", "0.jpg", "1.jpg"}


@pytest.mark.parametrize("task", [*MORE, "classify"])
def test_a_checkpoint_says_what_its_export_says(folder: Path, task: str) -> None:
    path = checkpoint(folder / "best.pt", task)
    model, export = load_model(str(path), device="cpu"), load_model(str(exported(task, "onnx")))
    image = cv2.imread(str(folder / "in/0.png"))
    if isinstance(model, Classifier):
        assert isinstance(export, Classifier)
        np.testing.assert_allclose(model(image).probabilities, export(image).probabilities, atol=1e-5)
        return
    assert isinstance(model, Detector)
    assert isinstance(export, Detector)
    a, b = model(image, confidence=0.3), export(image, confidence=0.3)
    assert len(a) == len(b) > 0
    # As sets: rounding may exchange two whose scores are almost equal.
    np.testing.assert_allclose(np.sort(a.confidence), np.sort(b.confidence), atol=1e-4)
    assert np.bincount(a.class_id).tolist() == np.bincount(b.class_id).tolist()


def test_only_boxes_will_do(folder: Path) -> None:
    assert isinstance(load_detector(str(exported("obb", "onnx"))), Detector)
    with pytest.raises(UsageError, match="found one for classify"):
        load_detector(str(exported("classify", "onnx")))
    with pytest.raises(UsageError, match="found one for classify"):
        load_detector(str(checkpoint(folder / "best.pt", "classify")), device="cpu")
