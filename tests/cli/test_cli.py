"""The command line as its users meet it: real processes for the whole path, the runner for the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from yolo_tl.cli import main
from yolo_tl.cli.main import COMMANDS
from yolo_tl.errors import ParityError

TINY = ["--epochs", "1", "--imgsz", "64", "--batch", "8", "--device", "cpu"]


def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "yolo_tl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def invoke(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> dict[str, object]:
    """The whole path through processes: convert, train, evaluate, export, predict; each with --json."""
    from yolo_tl.data import make_sample

    folder = tmp_path_factory.mktemp("path")
    make_sample(folder / "voc", images=24, size=(96, 128), seed=2)
    answers: dict[str, object] = {"folder": folder}
    steps = {
        "convert": [folder / "voc", folder / "data"],
        "plan": [folder / "data", "-w", "yolo26n.yaml", *TINY],
        "train": [folder / "data", "-w", "yolo26n.yaml", "-o", folder / "run", "--head", "nms-free", *TINY],
        "evaluate": [folder / "run/weights/best.pt", folder / "data", "--split", "test"],
        "export": [folder / "run/weights/best.pt", "--data", folder / "data", "-o", folder / "bundle"],
        "predict": [folder / "bundle", folder / "data/images/test", "-o", folder / "out", "--confidence", "0.001"],
        "doctor": [],
    }
    for name, arguments in steps.items():
        done = run(name, *arguments, "--json")
        lines = done.stdout.splitlines()
        answers[name] = [json.loads(line) for line in lines] if name == "predict" else json.loads(done.stdout)
    return answers


def test_json_keys_of_every_command(path):
    assert {"images", "annotations_in", "annotations_out", "dropped", "classes", "splits", "data"} <= path[
        "convert"
    ].keys()
    assert path["convert"]["images"] == sum(path["convert"]["splits"].values()) == 24
    assert {"run", "weights", "metrics", "plan", "cpu_seconds"} <= path["train"].keys()
    assert {"map50", "map50_95"} <= path["train"]["metrics"].keys()
    assert path["train"]["plan"]["network"] == "yolo26n"
    assert path["train"]["plan"]["pretrained"] is False
    evaluated = path["evaluate"]
    assert {"map50", "map50_95", "ci95", "images", "per_class"} <= evaluated.keys()
    assert evaluated["images"] == path["convert"]["splits"]["test"]
    assert len(evaluated["ci95"]) == 2
    assert path["export"]["format"] == "onnx"
    assert path["export"]["gate"]["passed"] is True
    assert path["export"]["request"]["head"] == "nms-free"
    assert len(path["predict"]) == path["convert"]["splits"]["test"]
    for answer in path["predict"]:
        assert {
            "image",
            "source",
            "frame",
            "state",
            "size",
            "model",
            "saturated",
            "times",
            "detections",
        } <= answer.keys()
        assert all(d.keys() == {"box", "confidence", "class_id", "name"} for d in answer["detections"])
    assert any(answer["detections"] for answer in path["predict"])
    assert path["doctor"]["extras"]["train"] == "complete"


def test_predict_writes_pictures_and_lines(path):
    folder = path["folder"] / "out"
    lines = [json.loads(line) for line in (folder / "detections.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == path["predict"]
    assert len(list(folder.glob("*.jpg"))) == len(lines)


def test_a_scratch_run_says_so(path):
    folder = path["folder"]
    text = invoke("plan", folder / "data", "-w", "yolov8n.yaml", *TINY).stdout
    assert "FROM SCRATCH" in text
    assert "starts from random weights" in text


def test_a_dry_run_writes_nothing(path, tmp_path):
    folder = path["folder"]
    before = sorted(folder.rglob("*"))
    out = tmp_path / "none"
    best = folder / "run/weights/best.pt"
    plan = json.loads(invoke("train", folder / "data", "-w", best, "-o", out, *TINY, "--dry-run", "--json").stdout)
    assert plan["decisions"]["epochs"]["value"] == 1
    request = json.loads(invoke("export", best, "--data", folder / "data", "-o", out, "--dry-run", "--json").stdout)
    assert request["bundle"] is None
    assert json.loads(invoke("convert", folder / "voc", out, "--dry-run", "--json").stdout)["images"] == 24
    assert not out.exists()
    assert sorted(folder.rglob("*")) == before


def test_a_damaged_export_makes_no_bundle(path, tmp_path, monkeypatch):
    """The exported file is tampered with between export and gate."""
    import onnx
    from onnx import numpy_helper

    from yolo_tl import api
    from yolo_tl.exporting import making

    real = making.export_model

    def tampered(module, target, **options):
        real(module, target, **options)
        model = onnx.load(target)
        for weight in model.graph.initializer:
            if weight.data_type == onnx.TensorProto.FLOAT and weight.name.endswith("bias"):
                weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 1.5, weight.name))
        onnx.save(model, target)

    monkeypatch.setattr(making, "export_model", tampered)
    with pytest.raises(ParityError, match="DISAGREES") as caught:
        api.export(path["folder"] / "run/weights/best.pt", path["folder"] / "data", tmp_path / "bundle")
    assert caught.value.exit_code == 5
    assert [path.name for path in tmp_path.iterdir()] == ["bundle-refused"]
    assert "the stage that differs: engine" in caught.value.message
    refused = json.loads((tmp_path / "bundle-refused" / "verify.json").read_text(encoding="utf-8"))
    assert not refused["passed"]
    assert (tmp_path / "bundle-refused" / "report.html").is_file()


@pytest.mark.parametrize("head", [pytest.param("raw", marks=pytest.mark.slow), "nms"])
def test_other_heads_pass_the_gate(path, tmp_path, head):
    folder = path["folder"]
    options = ["--head", head, "--confidence", "0.001"]
    done = invoke(
        "export", folder / "run/weights/best.pt", "--data", folder / "data", "-o", tmp_path / "b", *options, "--json"
    )
    answer = json.loads(done.stdout)
    assert answer["gate"]["passed"]
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["head"] == head
    assert manifest["names"] == path["convert"]["classes"]
    assert "model.onnx" in manifest["files"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "{data}", "-w", "yolo26n.yaml", "--preset", "smal-data"], 2, "did you mean 'small-data'"),
        (["train", "{data}", "-w", "yolo26n.yaml", "--set", "epoch=3"], 2, "did you mean 'epochs'"),
        (["train", "{data}", "-w", "yolo26n.yaml", "--freeze", "99"], 2, "matches no layer of yolo26n"),
        (["train", "{data}", "-w", "yolo26n.yaml", "--device", "7"], 2, "device"),
        (["train", "{data}", "-w", "nowhere/x.pt"], 4, "nowhere/x.pt: no such checkpoint"),
        (["train", "nowhere", "-w", "yolo26n.yaml"], 3, "nowhere"),
        (["evaluate", "{best}", "{data}", "--split", "holdout"], 3, "has no split 'holdout'"),
        (["evaluate", "nowhere/x.pt", "{data}"], 4, "nowhere/x.pt"),
        (["export", "{best}", "--data", "{data}", "-o", "{data}"], 2, "already holds files"),
        (["export", "{best}", "--data", "{data}", "-o", "{tmp}/b", "--imgsz", "33"], 2, "multiple of 32"),
        (["predict", "{best}", "nowhere.jpg"], 3, "nowhere.jpg"),
        (["predict", "nowhere.onnx", "{data}/images/test"], 6, "nowhere.onnx"),
        (["convert", "{tmp}", "{tmp}-out"], 3, ""),
        (["convrt"], 2, "did you mean 'convert'"),
    ],
)
def test_bad_requests_end_in_one_message_and_their_code(path, tmp_path, arguments, code, message):
    places = {"data": path["folder"] / "data", "best": path["folder"] / "run/weights/best.pt", "tmp": tmp_path}
    result = invoke(*(a.format(**places) for a in arguments), code=code)
    assert message in result.output
    assert "Traceback" not in result.output
    assert not list(tmp_path.rglob("*.tmp"))


def test_debug_shows_where_an_error_came_from(path):
    done = run("train", "nowhere", "-w", "yolo26n.yaml", "--debug", code=3)
    assert "Traceback" in done.stderr
    assert "nowhere" in done.stderr
    assert done.stdout == ""


def test_every_command_has_help_with_its_options():

    for name in COMMANDS:
        found = main.get_command(None, name)
        parts = [[name, sub] for sub in found.commands] if isinstance(found, click.Group) else [[name]]
        for part in parts:
            text = invoke(*part, "--help").output
            assert "--json" in text
            assert "--debug" in text
    assert all(name in invoke("--help").output for name in COMMANDS)


def test_a_corrupt_bundle_is_refused(path, tmp_path):
    import shutil

    bundle = tmp_path / "bundle"
    shutil.copytree(path["folder"] / "bundle", bundle)
    model = bundle / "model.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    result = invoke("predict", bundle, Path(path["folder"]) / "data/images/test", code=6)
    assert "model.onnx" in result.output
