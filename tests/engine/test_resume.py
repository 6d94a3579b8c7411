"""A run that was killed ends as one that was not; a finished run goes on; nothing else is ever trained on."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import yolo_tl
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.state import read_state
from yolo_tl.errors import ResumeError, UsageError, YoloTLError

# 19 training images: a last batch that is not full at 8, and full batches only at 19; gradients accumulate at nbs 16.
OPTIONS = {"imgsz": 64, "threads": 1, "device": "cpu", "state_every": 0.0, "augment.close_mosaic": 0.4}
RECIPES = {
    "stages": {"preset": "gradual", "epochs": 7, "batch": 8},
    "plain": {"preset": "plain", "epochs": 5, "batch": 4, "nbs": 16, "augment.pipeline": "ultralytics"},
    "full-batches": {"preset": "lp-ft", "epochs": 6, "batch": 19, "l2_sp": 0.1, "augment.paste": 0.5},
}


def command(data: Path, out: Path, recipe: dict) -> list[str]:
    options = {**OPTIONS, **recipe}
    preset = options.pop("preset")
    sets = [part for key, value in options.items() for part in ("--set", f"{key}={value}")]
    return [
        sys.executable,
        "-m",
        "yolo_tl",
        "train",
        str(data),
        "-w",
        "yolo26n.yaml",
        "-o",
        str(out),
        "-p",
        preset,
        *sets,
    ]


def kill_after(arguments: list[str], line: str) -> None:
    """Start a run and kill it, without a chance to clean up, when it says `line`."""
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        seen = next((text for text in process.stderr if text.startswith(line)), None)
        assert seen is not None, "the run ended before it could be killed"
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()


def rows(run: Path) -> list[dict[str, float]]:
    with (run / "results.csv").open() as stream:
        return [{k: float(v) for k, v in row.items() if k != "time"} for row in csv.DictReader(stream)]


def same(run: Path, other: Path) -> None:
    """Both ended with the same figures, epoch by epoch, and the same weights."""
    assert len(rows(run)) == len(rows(other))
    for mine, theirs in zip(rows(run), rows(other), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-6)
    scores = [json.loads((folder / "metrics.json").read_text())["map50_95"] for folder in (run, other)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    for name in ("best.pt", "last.pt"):
        a, b = (load_checkpoint(folder / "weights" / name).state_dict() for folder in (run, other))
        assert all((a[key] == b[key]).all() for key in a), name


@pytest.fixture(scope="module", params=RECIPES)
def whole(request, sample, tmp_path_factory):
    """A recipe, and its run without interruption."""
    recipe = RECIPES[request.param]
    out = tmp_path_factory.mktemp("whole") / request.param
    options = {**OPTIONS, **recipe}
    yolo_tl.train(sample, "yolo26n.yaml", out=out, preset=options.pop("preset"), overrides=options)
    return recipe, out


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_killed_and_resumed_is_not_interrupted(whole, sample, tmp_path, epoch):
    recipe, uninterrupted = whole
    if recipe["preset"] != "gradual" and epoch != 2:
        pytest.skip("three points of the recipe with most stages, one of the others")
    out = tmp_path / "run"
    kill_after(command(sample, out, recipe), f"epoch {epoch}/")
    assert read_state(out)["epoch"] in (epoch, epoch + 1)
    assert not (out / "metrics.json").exists()
    yolo_tl.resume(out)
    same(out, uninterrupted)


@pytest.mark.slow
def test_killed_before_the_first_epoch_ended(whole, sample, tmp_path):
    recipe, uninterrupted = whole
    out = tmp_path / "run"
    with pytest.raises(SystemError, match="pulled the plug"):
        yolo_tl.train(
            sample, "yolo26n.yaml", out=out, preset=recipe["preset"], listener=Plug(),
            overrides={**OPTIONS, **{k: v for k, v in recipe.items() if k != "preset"}},
        )  # fmt: skip
    assert read_state(out) is None
    yolo_tl.resume(out)
    same(out, uninterrupted)


def tiny(sample: Path, out: Path, **options) -> yolo_tl.api.TrainResult:
    given = {**OPTIONS, "epochs": 2, "batch": 8, "augment.close_mosaic": 0.5, **options}
    return yolo_tl.train(sample, "yolov8n.yaml", out=out, preset=given.pop("preset", "small-data"), overrides=given)


@pytest.mark.slow
def test_a_finished_run_goes_on(sample, tmp_path):
    """Plus two epochs: the first ones stay as they were, the stage that was the last goes on."""
    first = tiny(sample, tmp_path / "run", epochs=4, preset="lp-ft")
    before = rows(first.run)
    with pytest.raises(ResumeError, match="finished after 4 epochs"):
        yolo_tl.resume(first.run)
    with pytest.raises(ResumeError, match="4 epochs are done, 3 were asked for"):
        yolo_tl.resume(first.run, epochs=3)
    with pytest.raises(UsageError, match="expected a number"):
        yolo_tl.resume(first.run, epochs="many")
    longer = yolo_tl.resume(first.run, epochs="+2")
    assert longer.plan["epochs"] == 6
    assert [(stage.name, stage.first, stage.end) for stage in longer.plan.stages] == [("head", 0, 1), ("all", 1, 6)]
    assert rows(longer.run)[:4] == before
    assert len(rows(longer.run)) == 6
    assert longer.cpu_seconds > first.cpu_seconds
    assert yaml.safe_load((longer.run / "run.yaml").read_text())["decisions"]["epochs"]["value"] == 6


@pytest.mark.parametrize(
    "change, message",
    [
        ("label", r"1 images or their labels changed \(train/"),
        ("image", r"1 images or their labels changed \(val/"),
        ("added", r"1 images added \(train/new.jpg\)"),
        ("removed", r"1 images removed"),
        ("names", r"classes were"),
    ],
)
def test_changed_data_are_refused_with_the_difference(sample, tmp_path, stopped, change, message):
    run, data = stopped
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    image = sorted((copy / "images" / "train").iterdir())[0]
    if change == "label":
        label = copy / "labels" / "train" / f"{image.stem}.txt"
        label.write_text(label.read_text() + "0 0.5 0.5 0.1 0.1\n")
    elif change == "image":
        val = sorted((copy / "images" / "val").iterdir())[0]
        shutil.copy(image, val)
    elif change == "added":
        shutil.copy(image, image.with_name("new.jpg"))
    elif change == "removed":
        image.unlink()
    else:
        text = (copy / "data.yaml").read_text()
        (copy / "data.yaml").write_text(text.replace("disc", "plate"))
    before = (run / "state" / "last.pt").read_bytes()
    with pytest.raises(ResumeError, match=message):
        yolo_tl.resume(run, data=copy)
    assert (run / "state" / "last.pt").read_bytes() == before


def test_data_that_moved_are_found_where_they_are_said_to_be(stopped, tmp_path):
    """And never anywhere else: without that word, data that are gone stop the run."""
    run, data = stopped
    here = tmp_path / "run"
    shutil.copytree(run, here)
    kept = yaml.safe_load((here / "run.yaml").read_text())
    kept["data"]["path"] = str(tmp_path / "gone" / "data.yaml")
    (here / "run.yaml").write_text(yaml.safe_dump(kept))
    with pytest.raises(YoloTLError, match="gone"):
        yolo_tl.resume(here)
    result = yolo_tl.resume(here, data=data)
    assert len(rows(result.run)) == 3


@pytest.mark.parametrize("damage", ["cut", "empty", "yaml", "no run"])
def test_a_damaged_run_is_refused(stopped, tmp_path, damage):
    run, _ = stopped
    here = tmp_path / "run"
    shutil.copytree(run, here)
    state = here / "state" / "last.pt"
    if damage == "cut":
        state.write_bytes(state.read_bytes()[:5000])
    elif damage == "empty":
        state.write_bytes(b"")
    elif damage == "yaml":
        (here / "run.yaml").write_text("decisions: {")
    else:
        (here / "run.yaml").unlink()
    with pytest.raises(YoloTLError) as caught:
        yolo_tl.resume(here)
    assert str(here) in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.fixture(scope="module")
def stopped(sample, tmp_path_factory):
    """A run of three epochs that was stopped after the first, and its data."""
    folder = tmp_path_factory.mktemp("stopped")
    shutil.copytree(sample, folder / "data")
    with pytest.raises(SystemError):
        yolo_tl.train(
            folder / "data", "yolov8n.yaml", out=folder / "run", listener=Plug(at=4),
            overrides={**OPTIONS, "epochs": 3, "batch": 8},
        )  # fmt: skip
    return folder / "run", folder / "data"


class Plug:
    """A listener that fails at a batch."""

    def __init__(self, at: int = 1) -> None:
        self.at = at

    def batch(self, done: int, total: int, loss: float) -> None:
        if done == self.at:
            raise SystemError("pulled the plug")

    def __getattr__(self, name: str):
        return lambda *given: None
