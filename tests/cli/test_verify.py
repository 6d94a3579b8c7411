"""Holding artifacts to a checkpoint from end to end: levels, exit codes, files, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from support.networks import NAMES, exported, tiny
from support.toys import toy_network

from yolo_tl.cli import main
from yolo_tl.engine.saving import save_checkpoint
from yolo_tl.errors import ParityError

NAMED = {"names": str({0: "red", 1: "blue", 2: "green"})}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules["yolo_tl.cli.main"].COMMANDS, "verify", "")


def invoke(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["verify", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def as_json(*arguments: object, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(invoke(*arguments, "--json", "--threads", 1, code=code).stdout)
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of noise, in which what is red is where one says."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in ("images/val", "labels/val"):
        (folder / name).mkdir(parents=True)
    for i in range(6):
        small = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"images/val/{i}.png"), cv2.resize(small, (96, 72)))
        (folder / f"labels/val/{i}.txt").write_text("0 0.5 0.5 0.4 0.4\n1 0.2 0.2 0.1 0.1\n")
    (folder / "data.yaml").write_text(yaml.safe_dump({"names": NAMES, "val": "images/val"}))
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "net.pt"
    save_checkpoint(tiny(), path, train_args={"imgsz": 64}, half=False)
    return path


def test_three_backends_say_what_the_checkpoint_says(weights, data):
    pytest.importorskip("openvino")
    models = [weights, exported("detect", "onnx"), exported("detect", "openvino"), exported("detect", "torchscript")]
    found = as_json(*models, "--data", data, "--images", 4)
    assert found["passed"]
    assert found["labelled"]
    assert found["split"] == "val"
    assert [gate["flips"]["flipped"] for gate in found["gates"]] == [0, 0, 0]
    for gate in found["gates"]:
        assert gate["images"] == 4
        assert gate["matched"]["detections"] > 10
        assert gate["matched"]["unmatched"] == 0
        assert 0 <= gate["tensors"]["box"] < 0.01
        assert gate["scores"]["metric"] == "mAP50-95"
        assert gate["scores"]["a"] is not None


def test_bfloat16_is_seen(weights, data):
    """OpenVINO's own default on processors that have it; elsewhere the hint is taken, and nothing differs."""
    pytest.importorskip("openvino")
    model = exported("detect", "openvino")
    exact = as_json(weights, model, "--data", data)["gates"][0]["tensors"]
    result = CliRunner().invoke(
        main, ["verify", str(weights), str(model), "--data", str(data), "--precision", "bf16", "--json"]
    )
    assert result.exit_code in (0, 5)
    coarse = json.loads(result.stdout)["gates"][0]["tensors"]
    assert coarse["score"] >= exact["score"]


def test_what_differs_is_exit_code_5_and_a_report(weights, data, tmp_path):
    other = toy_network(tmp_path / "other.onnx", imgsz=(64, 64), metadata=NAMED)
    found = as_json(weights, other, "--data", data, "--out", tmp_path / "out", "--pictures", 2, code=5)
    assert not found["passed"]
    (gate,) = found["gates"]
    assert {failure["limit"] for failure in gate["failures"]} >= {"unmatched", "flips"}
    assert len(gate["pictures"]) == 2
    written = json.loads((tmp_path / "out" / "verify.json").read_text())
    assert written == found
    assert all(Path(path).is_file() for path in gate["pictures"])
    assert "<img" in (tmp_path / "out" / "report.html").read_text()


def test_the_table_names_level_stage_and_images(weights, data, tmp_path):
    onnx = exported("detect", "onnx")
    told = invoke(weights, onnx, "--data", data).output
    assert "BROKEN" not in told
    assert "agrees with net.pt on 6 images, 0 flipped" in told
    renamed = tmp_path / "renamed.onnx"
    import onnx as library

    model = library.load(onnx)
    for entry in model.metadata_props:
        if entry.key == "names":
            entry.value = NAMED["names"]
    library.save(model, renamed)
    told = invoke(weights, renamed, "--data", data, code=5).output
    for words in ("BROKEN", "postprocess  differs", "5.png", "note: class names differ", "error:", "make class names"):
        assert words in told


def test_limits_come_from_a_preset_and_from_options(weights, data, tmp_path):
    other = toy_network(tmp_path / "other.onnx", imgsz=(64, 64))
    free = dict.fromkeys(("tensor_box", "tensor_score", "box", "score", "map_loss"))
    (tmp_path / "lax.yaml").write_text(yaml.safe_dump({"about": "x", "limits": {**free, "flips": 1.0}}))
    lax = ("--preset", tmp_path / "lax.yaml")
    assert as_json(weights, other, "--data", data, *lax)["passed"]
    assert not as_json(weights, other, "--data", data, *lax, "--flips", 0, code=5)["passed"]
    assert "flips" in invoke(weights, other, "--data", data, "--set", "flip=1", code=2).output


def test_a_folder_of_images_is_enough(weights, data):
    found = as_json(weights, exported("detect", "onnx"), "--data", data / "images" / "val", "--images", 0)
    assert not found["labelled"]
    assert found["gates"][0]["images"] == 6
    assert "no data.yaml" in found["gates"][0]["scores"]["reason"]


def test_the_operating_point_is_that_of_the_options(weights, data):
    onnx = exported("detect", "onnx")
    gate = as_json(weights, onnx, "--data", data, "--confidence", 0.5, "--iou", 0.3, "--max-det", 7)["gates"][0]
    assert gate["thresholds"] == {"confidence": 0.5, "iou": 0.3, "max_det": 7}


def test_a_qualification_says_what_is_rejected(weights, data, tmp_path):
    judged = {"fingerprint": "x", "verdict": "met"}
    content = {
        "thresholds": {"red": 0.6, "blue": 0.7},
        "verdict": "met",
        "contract": {"unit": "image", "parts": ""},
        "model": {},
        "data": judged,
        "chosen": {},
        "judged": {},
    }
    (tmp_path / "q.json").write_text(json.dumps(content))
    gate = as_json(weights, exported("detect", "onnx"), "--data", data, "--qualification", tmp_path / "q.json")[
        "gates"
    ][0]
    assert gate["thresholds"]["classes"] == {"red": 0.6, "blue": 0.7}
    assert (gate["verdicts"]["flipped"], gate["verdicts"]["units"]) == (0, 6)


def test_classifiers(tmp_path):
    path = tmp_path / "net.pt"
    save_checkpoint(tiny("classify"), path, train_args={"imgsz": 64}, half=False)
    rng = np.random.default_rng(0)
    for name in NAMES.values():
        (tmp_path / "data" / "val" / name).mkdir(parents=True)
        for i in range(2):
            image = cv2.resize(rng.integers(0, 256, (8, 9, 3), dtype=np.uint8), (90, 70))
            cv2.imwrite(str(tmp_path / "data" / "val" / name / f"{i}.png"), image)
    gate = as_json(path, exported("classify", "onnx"), "--data", tmp_path / "data")["gates"][0]
    assert gate["passed"]
    assert gate["scores"]["metric"] == "accuracy"
    assert [row["limit"] for row in gate["judged"]] == ["tensor_score", "score", "flips", "map_loss"]


@pytest.mark.parametrize("task", ["segment", "obb", "pose"])
def test_other_tasks(task, data, tmp_path):
    path = tmp_path / "net.pt"
    save_checkpoint(tiny(task), path, train_args={"imgsz": 64}, half=False)
    gate = as_json(path, exported(task, "onnx"), "--data", data / "images" / "val")["gates"][0]
    assert gate["matched"]["detections"] > 0
    shown = {"segment": "mask", "obb": "angle", "pose": "keypoint"}[task]
    assert 0 <= gate["matched"][shown] < 0.01


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["{weights}"], 2, "expected two models or more"),
        (["{weights}", "nowhere.onnx"], 6, "nowhere.onnx"),
        (["{weights}", "{weights}", "--split", "other"], 3, "no split 'other'"),
        (["{weights}", "{weights}", "--flips", "-1"], 2, "limits.flips"),
        (["{weights}", "{classify}"], 5, "models of one task"),
    ],
)
def test_what_cannot_be_compared(weights, data, arguments, code, says):
    filled = [text.format(weights=weights, classify=exported("classify", "onnx")) for text in arguments]
    assert says in invoke(*filled, "--data", data, code=code).output


def test_the_error_has_the_exit_code_of_an_export():
    assert ParityError.exit_code == 5
