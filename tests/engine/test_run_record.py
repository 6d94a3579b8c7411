"""What a run folder says, against the files that Ultralytics and this package really write."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from yolo_tl.engine.run_record import read_run
from yolo_tl.errors import ParseError, ResumeError
from yolo_tl.evaluation.history import read_history


def test_a_finished_run(run):
    record = read_run(run.run)
    assert record.folder == run.run
    assert record.finished
    assert record.decided("epochs") == 2
    assert record.decided("no such key", 7) == 7
    assert record.stages[0]["first"] == 1
    assert record.stages[-1]["last"] == 2
    assert record.environment["packages"]["ultralytics"]
    with (run.run / "results.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert record.history.epochs.tolist() == [int(row["epoch"]) for row in rows]
    assert record.history.losses["box"].tolist() == [float(row["train/box_loss"]) for row in rows]
    assert record.history.scores["map50_95"].tolist() == [float(row["metrics/mAP50-95(B)"]) for row in rows]
    assert len(record.history.rates) == sum(name.startswith("lr/") for name in rows[0])


def test_a_run_that_was_stopped_or_has_just_begun(run, tmp_path):
    shutil.copy(run.run / "run.yaml", tmp_path)
    record = read_run(tmp_path)
    assert not record.finished
    assert len(record.history.epochs) == 0
    assert record.baseline == {}
    assert record.environment == {}


@pytest.mark.parametrize(("known", "score"), [({"a", "b"}, 0.25), ({"a"}, None), (set(), None)])
def test_the_start_score_is_one_over_the_same_classes(run, tmp_path, known, score):
    shutil.copy(run.run / "run.yaml", tmp_path)
    change = {"before": 0.25, "per_class": {name: {"before": 0.25, "after": 0.5} for name in known}}
    content = {"map50_95": 0.5, "per_class": {"a": {}, "b": {}}, "baseline": change if known else None}
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    assert read_run(tmp_path).start_score == score


def test_what_is_no_run_folder(run, tmp_path):
    with pytest.raises(ResumeError, match="run.yaml"):
        read_run(tmp_path)
    shutil.copy(run.run / "run.yaml", tmp_path)
    (tmp_path / "metrics.json").write_text('{"map50_95": ')
    with pytest.raises(ParseError, match="metrics.json"):
        read_run(tmp_path)


@pytest.mark.slow
def test_epochs_that_ultralytics_does_not_validate(ultralytics, sample, tmp_path):
    """Contract: `val=False` validates the last epoch only, and its results.csv says so in the way that is read."""
    shutil.copytree(sample, tmp_path / "data")  # Ultralytics leaves caches beside the images
    yaml_file = tmp_path / "data" / "data.yaml"
    model = ultralytics.YOLO("yolov8n.yaml")
    options = {"epochs": 3, "imgsz": 64, "batch": 16, "device": "cpu", "workers": 0, "plots": False, "val": False}
    model.train(data=str(yaml_file), project=str(tmp_path), name="run", verbose=False, **options)
    history = read_history(Path(tmp_path / "run" / "results.csv"))
    assert history.epochs.tolist() == [1, 2, 3]
    validated = np.isfinite(history.scores["map50_95"])
    assert validated.tolist() == [False, False, True]
    assert np.isfinite(history.val_losses["box"]).tolist() == [False, False, True]
    assert np.isfinite(history.losses["box"]).all()
