from __future__ import annotations

import csv
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

import yolo_tl
from yolo_tl.config import TrainConfig
from yolo_tl.data import read_dataset
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.view import view_of
from yolo_tl.errors import DataError, PlanMismatch, UsageError
from yolo_tl.transfer.stages import plan_stages

from .conftest import TINY


def tree_digest(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_run_folder_holds_the_plan_and_the_evidence(run, sample):
    found = {str(p.relative_to(run.run)) for p in run.run.rglob("*") if p.is_file()}
    assert {
        "run.yaml",
        "environment.json",
        "metrics.json",
        "results.csv",
        "engine.log",
        "weights/best.pt",
        "weights/last.pt",
        "state/last.pt",
    } <= found
    assert not [name for name in found if "/." in name]
    kept = yaml.safe_load((run.run / "run.yaml").read_text())
    assert kept["decisions"]["epochs"] == {"value": 2, "reason": "", "source": "user"}
    assert kept["decisions"]["optimizer"]["source"] == "plan"
    metrics = json.loads((run.run / "metrics.json").read_text())
    assert metrics["ci95"][0] <= metrics["map50_95"] <= metrics["ci95"][1]
    environment = json.loads((run.run / "environment.json").read_text())
    assert environment["packages"]["ultralytics"]
    assert [content["schema"] for content in (kept, metrics, environment)] == [1, 1, 1]
    assert json.loads((run.run / "state" / "data.json").read_text())["schema"] == 1


def test_the_state_can_be_resumed_and_the_weights_are_plain(run):
    import torch

    state = torch.load(run.run / "state" / "last.pt", map_location="cpu", weights_only=True)
    assert state["optimizer"]
    assert (state["epoch"], state["finished"]) == (2, True)
    code = (
        "import sys; sys.modules['yolo_tl'] = None\n"
        "from ultralytics import YOLO\n"
        f"print(len(YOLO({str(run.weights)!r}).names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip().splitlines()[-1] == "3", done.stderr


def test_a_checkpoint_names_the_users_data(run, sample):
    """Not the temporary view that Ultralytics has worked on."""
    assert load_checkpoint(run.weights).args["data"] == str(sample / "data.yaml")
    assert yaml.safe_load((run.run / "args.yaml").read_text())["data"] == str(sample / "data.yaml")


@pytest.mark.slow
def test_plain_is_yolo_train(sample, tmp_path, ultralytics):
    """The same losses and scores, epoch by epoch, as Ultralytics left to its own defaults."""
    start = tmp_path / "start.pt"
    ultralytics.YOLO("yolov8n.yaml", verbose=False).save(start)
    ours = yolo_tl.train(sample, str(start), out=tmp_path / "ours", preset="plain", overrides=TINY)
    copy = tmp_path / "copy"
    shutil.copytree(sample, copy)
    ultralytics.YOLO(start).train(
        data=str(copy / "data.yaml"),
        project=str(tmp_path),
        name="theirs",
        epochs=TINY["epochs"],
        imgsz=TINY["imgsz"],
        batch=TINY["batch"],
        device="cpu",
        plots=False,
    )
    rows = []
    for folder in (ours.run, tmp_path / "theirs"):
        with (folder / "results.csv").open() as stream:
            rows.append([{k: float(v) for k, v in row.items() if k != "time"} for row in csv.DictReader(stream)])
    assert len(rows[0]) == TINY["epochs"]
    for mine, theirs in zip(*rows, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4, abs=1e-6)


def test_frozen_tensors_do_not_change_and_the_others_do(run, sample, tmp_path):
    frozen = yolo_tl.train(
        sample, str(run.weights), out=tmp_path / "frozen", preset="head-only", overrides={**TINY, "epochs": 1}
    )
    before, after = (load_checkpoint(path).state_dict() for path in (run.weights, frozen.weights))
    head = frozen.plan.network.head
    trunk = [name for name in before if int(name.split(".")[1]) < head and before[name].dtype.is_floating_point]
    assert trunk
    assert all((before[name] == after[name]).all() for name in trunk)
    trained = [n for n in before if n.startswith(f"model.{head}.") and n.endswith("weight")]
    assert any((before[name] != after[name]).any() for name in trained)


@pytest.mark.parametrize("fault", ["thaw", "rate", "decay", "average"])
def test_a_set_up_that_differs_from_the_plan_is_an_error(run, sample, tmp_path, monkeypatch, fault):
    """Tamper with what Ultralytics sets up; the check after set-up must notice."""
    from ultralytics.models.yolo.detect import DetectionTrainer

    build = DetectionTrainer._setup_train

    def tampered(self):
        build(self)
        if fault == "thaw":
            next(p for n, p in self.model.named_parameters() if n.startswith("model.0.")).requires_grad_(True)
        elif fault == "rate":
            self.optimizer.param_groups[-1]["initial_lr"] *= 2
        elif fault == "decay":
            self.optimizer.param_groups[-1]["weight_decay"] = 0.5
        elif fault == "average":
            self.accumulate += 1

    monkeypatch.setattr(DetectionTrainer, "_setup_train", tampered)
    with pytest.raises(PlanMismatch):
        yolo_tl.train(sample, str(run.weights), out=tmp_path / "x", preset="head-only", overrides=TINY)


def test_a_frozen_tensor_that_moves_is_an_error(run):
    from yolo_tl.engine.verify import FrozenState

    module = load_checkpoint(run.weights)
    (stage,) = plan_stages(TrainConfig(freeze=1), run.plan.network)
    frozen = FrozenState.of(module, stage)
    frozen.require_unchanged(module)
    module.model[0].bn.running_mean += 1e-6
    with pytest.raises(PlanMismatch, match=r"model\.0\.bn\.running_mean"):
        frozen.require_unchanged(module)
    module.train()
    with pytest.raises(PlanMismatch, match="training mode"):
        frozen.require_eval(module)


@pytest.mark.slow
def test_user_folders_stay_byte_identical(run, sample, tmp_path):
    """A JPEG with bytes after its end, a stale .npy beside an image, and no cache file anywhere."""
    import cv2

    data = tmp_path / "data"
    shutil.copytree(sample, data)
    image = sorted((data / "images" / "train").iterdir())[0]
    picture = cv2.imread(str(image))
    jpeg = image.with_name("with-trailing-bytes.jpg")
    cv2.imwrite(str(jpeg), picture)
    jpeg.write_bytes(jpeg.read_bytes() + b"trailing")
    label = data / "labels" / "train" / f"{image.stem}.txt"
    shutil.copy(label, label.with_name("with-trailing-bytes.txt"))
    time.sleep(0.01)
    np.save(image.with_suffix(".npy"), np.zeros_like(picture))
    before = tree_digest(data)
    with view_of(read_dataset(data)) as view:
        linked = next(Path(k) for k, v in view.sources.items() if v.name == jpeg.name)
        np.testing.assert_array_equal(cv2.imread(str(linked)), cv2.imread(str(jpeg)))
        assert not list(view.yaml.parent.rglob("*.npy"))
    result = yolo_tl.train(data, str(run.weights), out=tmp_path / "run", overrides={**TINY, "epochs": 1})
    yolo_tl.evaluate(result.weights, data)
    assert tree_digest(data) == before
    assert "restored" not in (tmp_path / "run" / "engine.log").read_text()


def test_an_image_that_would_be_left_out_stops_the_run(run, sample, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(sample, data)
    image = sorted((data / "images" / "train").iterdir())[0]
    image.write_bytes(image.read_bytes()[:100])
    with pytest.raises(DataError, match=image.name):
        yolo_tl.train(data, str(run.weights), out=tmp_path / "run", overrides=TINY)


def test_a_run_folder_in_use_is_refused(run, sample):
    with pytest.raises(UsageError, match="already holds files"):
        yolo_tl.train(sample, str(run.weights), out=run.run, overrides=TINY)


@pytest.mark.slow
def test_overwriting_a_run_begins_anew(run, sample, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(run.run, out)
    again = yolo_tl.train(sample, "yolo26n.yaml", out=out, overrides={**TINY, "seed": 7}, overwrite=True)
    assert again.plan["seed"] == 7
    assert (out / "weights" / "last.pt").read_bytes() != (run.run / "weights" / "last.pt").read_bytes()
    first, second = (load_checkpoint(r / "state" / "start.pt").state_dict() for r in (run.run, out))
    assert any((first[name] != second[name]).any() for name in first)


@pytest.mark.slow
def test_ctrl_c_keeps_the_last_checkpoint(sample, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "yolo_tl", "train", str(sample), "-w", "yolov8n.yaml", "-o", str(out)]
    command += ["--epochs", "500", "--imgsz", "64", "--batch", "8", "--device", "cpu"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if line.startswith("epoch   2/"):
                process.send_signal(signal.SIGINT)
                break
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert f"the last checkpoint is {out / 'weights' / 'last.pt'}" in errors
    assert "Traceback" not in errors
    assert sorted(p.name for p in (out / "weights").iterdir()) == ["best.pt", "last.pt"]
    load_checkpoint(out / "weights" / "last.pt")


@pytest.mark.slow
@pytest.mark.parametrize("megabytes, file, kept", [(1, "start.pt", []), (20, "last.pt", ["best.pt", "last.pt"])])
def test_a_full_disk_stops_the_run_and_keeps_whole_checkpoints(sample, tmp_path, megabytes, file, kept):
    """Files over a size are refused by the system: the network the run starts from, or its first state."""
    out = tmp_path / "run"
    limit = megabytes * 1_000_000
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from yolo_tl.cli import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "train", str(sample), "-w", "yolov8n.yaml", "-o", str(out)]
    command += ["--epochs", "2", "--imgsz", "64", "--batch", "8", "--device", "cpu", "--val-every", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stderr
    error = f"error: {out / 'state' / file}: could not be written: File too large"
    assert error in done.stderr
    assert sorted(path.name for path in (out / "weights").iterdir()) == kept
    for name in kept:
        load_checkpoint(out / "weights" / name)
    assert not (out / "state" / "last.pt").exists()
    assert not list(out.rglob(".*"))
