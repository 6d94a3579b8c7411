from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yolo_tl import api
from yolo_tl.cross_validation import RESULT, CrossValidation, cross_validate, held_out
from yolo_tl.data.dataset import read_dataset
from yolo_tl.errors import ConfigError, TrainingInterrupted, UsageError
from yolo_tl.evaluation import bootstrap, evaluate

TINY = {"epochs": 1, "imgsz": 64, "batch": 8, "device": "cpu", "threads": 1}


def names(data: Path, *splits: str) -> list[str]:
    parts = read_dataset(data).splits
    return sorted(image.name for split in splits for image in parts[split].images)


class Trainer:
    """Instead of training, makes a run folder with `weights` as its last ones."""

    def __init__(self, weights: Path, stop_at: int = 0) -> None:
        self.weights, self.stop_at = weights, stop_at
        self.trained: list[str] = []
        self.resumed: list[str] = []

    def train(self, data: Path, weights: str, *, out: Path, **options: Any) -> None:
        if len(self.trained) + 1 == self.stop_at:
            (out / "state").mkdir(parents=True)
            (out / "state" / "last.pt").touch()
            raise TrainingInterrupted("stopped")
        self.trained.append(out.name)
        self._finish(out)

    def resume(self, run: Path, **options: Any) -> None:
        self.resumed.append(run.name)
        self._finish(run)

    def _finish(self, run: Path) -> None:
        (run / "weights").mkdir(parents=True)
        (run / "weights" / "best.pt").write_bytes(b"never to be loaded")
        shutil.copyfile(self.weights, run / "weights" / "last.pt")
        shutil.copyfile(self.weights.parent.parent / "run.yaml", run / "run.yaml")
        (run / "metrics.json").write_text('{"map50_95": 0.9, "cpu_seconds": 2.5}')


def pooled(data: Path, weights: Path, out: Path, trainer: Trainer, **options: Any) -> CrossValidation:
    options = {"folds": 3, "preset": None, "overrides": {"device": "cpu"}, **options}
    return cross_validate(data, str(weights), out, train=trainer.train, resume=trainer.resume, **options)


@pytest.fixture(scope="module")
def known(learned: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, CrossValidation]:
    """Three folds, each "trained" into one network that knows its task."""
    data, weights = learned
    out = tmp_path_factory.mktemp("known") / "out"
    last = weights.with_name("last.pt")
    return data, out, pooled(data, weights, out, Trainer(last))


def test_every_image_is_predicted_once_by_a_fold_that_did_not_train_on_it(
    known: tuple[Path, Path, CrossValidation],
) -> None:
    data, out, result = known
    seen = []
    for k in range(3):
        fold = out / "data" / f"fold_{k}.yaml"
        assert not set(names(fold, "train")) & set(names(fold, "val"))
        assert names(fold, "test") == names(data, "test")
        seen += names(fold, "val")
    assert sorted(seen) == names(data, "train", "val")
    assert result.metrics.images == sum(fold.images for fold in result.folds) == len(seen)
    assert result.metrics.instances == sum(fold.instances for fold in result.folds)


def test_the_score_is_that_of_all_predictions_of_the_last_weights(
    known: tuple[Path, Path, CrossValidation],
) -> None:
    data, out, result = known
    single = [held_out(out / f"fold{k + 1}", read_dataset(out / "data" / f"fold_{k}.yaml")) for k in range(3)]
    together = [image for results in single for image in results]
    classes = read_dataset(data).names
    assert result.metrics == evaluate(together, classes)
    assert result.intervals == bootstrap(together, classes)
    assert result.metrics.map50_95 > 0.3
    for fold, results in zip(result.folds, single, strict=True):
        assert fold.map50_95 == evaluate(results, classes).map50_95
        assert fold.selected == 0.9
        assert fold.cpu_seconds == 2.5
    scores = [fold.map50_95 for fold in result.folds]
    assert result.mean == pytest.approx(np.mean(scores))
    assert result.spread == pytest.approx(np.std(scores, ddof=1))


def test_the_result_is_written(known: tuple[Path, Path, CrossValidation]) -> None:
    _, out, result = known
    written = json.loads((out / RESULT).read_text())
    assert written == json.loads(json.dumps(result.to_json()))
    assert written["weights"] == "last.pt"
    assert written["ci95"][0] < written["map50_95"] < written["ci95"][1]
    assert len(written["folds"]) == 3


def test_what_is_finished_is_not_trained_again(
    learned: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yolo_tl.cross_validation.held_out", lambda *_, **__: [])
    data, weights = learned
    out, last = tmp_path / "out", weights.with_name("last.pt")
    stopped = Trainer(last, stop_at=2)
    with pytest.raises(TrainingInterrupted):
        pooled(data, weights, out, stopped)
    assert stopped.trained == ["fold1"]
    assert not (out / RESULT).exists()
    folds = {path.name: path.read_bytes() for path in (out / "data").glob("*.txt")}
    again = Trainer(last)
    # How a run is carried out may change.
    result = pooled(data, weights, out, again, overrides={"device": "cpu", "threads": 1})
    assert (again.resumed, again.trained) == (["fold2"], ["fold3"])
    assert {path.name: path.read_bytes() for path in (out / "data").glob("*.txt")} == folds
    third = Trainer(last)
    assert pooled(data, weights, out, third).to_json() == result.to_json()
    assert third.trained == third.resumed == []
    # What was begun but has no state yet is begun anew.
    (out / "fold3" / "metrics.json").unlink()
    pooled(data, weights, out, third)
    assert third.trained == ["fold3"]
    everything = Trainer(last)
    pooled(data, weights, out, everything, overwrite=True, folds=2)
    assert everything.trained == ["fold1", "fold2"]
    assert not (out / "fold3").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"folds": 4}, "folds was 3, is 4"),
        ({"seed": 1}, "fold_seed was 0, is 1"),
        ({"group_by": ["frames"]}, "group_by"),
        ({"overrides": {"epochs": 7}}, "epochs was 100, is 7"),
        ({"overrides": {"seed": 2}}, " seed was 0, is 2"),
        ({"preset": "head-only"}, "freeze"),
    ],
)
def test_another_request_is_refused(
    known: tuple[Path, Path, CrossValidation], learned: tuple[Path, Path], change: dict[str, Any], named: str
) -> None:
    data, out, _ = known
    before = (out / RESULT).read_bytes()
    with pytest.raises(UsageError, match=named):
        pooled(data, learned[1], out, Trainer(learned[1]), **change)
    assert (out / RESULT).read_bytes() == before


def test_other_data_or_weights_are_refused(learned: tuple[Path, Path], tmp_path: Path) -> None:
    data, weights = learned
    changed = shutil.copytree(data, tmp_path / "data")
    out = tmp_path / "out"
    trainer = Trainer(weights, stop_at=1)
    with pytest.raises(TrainingInterrupted):
        pooled(changed, weights, out, trainer)
    with pytest.raises(UsageError, match="weights was"):
        pooled(changed, weights.with_name("last.pt"), out, trainer)
    label = next(path for path in (changed / "labels/train").glob("*.txt") if path.read_text())
    label.write_text(label.read_text().splitlines()[0] + "\n" + "0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(UsageError, match="data was"):
        pooled(changed, weights, out, trainer)


def test_a_request_that_makes_no_sense_leaves_room_for_one_that_does(sample: Path, tmp_path: Path) -> None:
    trainer = Trainer(Path("none.pt"), stop_at=1)
    for folds in (1, 99):
        with pytest.raises(ConfigError, match="folds: expected"):
            pooled(sample, Path("yolo26n.yaml"), tmp_path / "out", trainer, folds=folds)
    with pytest.raises(TrainingInterrupted):
        pooled(sample, Path("yolo26n.yaml"), tmp_path / "out", trainer)


def test_folders_that_hold_other_things_are_refused(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for out in (tmp_path, sample / "cv"):
        with pytest.raises(UsageError):
            pooled(sample, Path("yolo26n.yaml"), out, Trainer(Path("none.pt")), overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_groups_stay_in_one_fold(sample: Path, tmp_path: Path) -> None:
    trainer = Trainer(Path("none.pt"), stop_at=1)
    with pytest.raises(TrainingInterrupted):
        pooled(sample, Path("yolo26n.yaml"), tmp_path / "out", trainer, group_by=[r"regex:(\d)\.jpg"])
    homes: dict[str, set[int]] = {}
    for k in range(3):
        for name in names(tmp_path / "out/data" / f"fold_{k}.yaml", "val"):
            homes.setdefault(name[-5], set()).add(k)
    assert len(homes) > 3
    assert all(len(found) == 1 for found in homes.values())


@pytest.mark.slow
def test_real_runs_are_trained_and_scored(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = api.cross_validate(sample, "yolo26n.yaml", out, folds=2, preset=None, overrides=TINY)
    assert result.metrics.images == len(names(sample, "train", "val"))
    for fold in result.folds:
        assert (fold.run / "run.yaml").is_file()
        saved = json.loads((fold.run / "metrics.json").read_text())
        # After one epoch the last weights are the best ones; both are scored by one protocol.
        assert fold.map50_95 == pytest.approx(saved["map50_95"])
        assert fold.images == saved["images"]
