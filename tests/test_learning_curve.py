from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from yolo_tl import api
from yolo_tl.api.growth import curve
from yolo_tl.boxes import Detections
from yolo_tl.data.dataset import Dataset, read_dataset
from yolo_tl.errors import ConfigError, DataError, TrainingInterrupted, UsageError
from yolo_tl.evaluation import ImageResult, bootstrap, evaluate
from yolo_tl.learning_curve import PICTURE, RESULT, LearningCurve, learning_curve

SCRATCH = "yolo26n.yaml"
EPOCHS = 24
SIZES = [3, 6, 12, 17]


class Trainer:
    """Instead of training, notes what was asked for, and makes a run folder."""

    def __init__(self, stop_at: int = 0) -> None:
        self.stop_at = stop_at
        self.asked: dict[str, dict[str, Any]] = {}
        self.images: dict[str, set[str]] = {}
        self.resumed: list[str] = []

    def train(self, data: Path, weights: str, *, out: Path, overrides: dict[str, Any], **options: Any) -> None:
        if len(self.asked) + 1 == self.stop_at:
            (out / "state").mkdir(parents=True)
            (out / "state" / "last.pt").touch()
            raise TrainingInterrupted("stopped")
        self.asked[out.name] = overrides
        self.images[out.name] = {image.name for image in read_dataset(data).split("train").images}
        options = {key: value for key, value in options.items() if key != "listener"}
        plan = api.plan(data, weights, overrides=overrides, **options)
        self._finish(out, plan.to_json())

    def resume(self, run: Path, **options: Any) -> None:
        self.resumed.append(run.name)
        self._finish(run, {"budget": {"steps": 60}, "decisions": {}})

    def _finish(self, run: Path, plan: dict[str, Any]) -> None:
        run.mkdir(parents=True, exist_ok=True)
        (run / "run.yaml").write_text(yaml.safe_dump(plan))
        (run / "metrics.json").write_text('{"cpu_seconds": 2.5}')


def grown(run: Path, dataset: Dataset, *, trust: bool = False) -> list[ImageResult]:
    """The more images a run was trained on, the nearer to the truth are its boxes."""
    images, seed = (int(part.lstrip("nsed")) for part in run.name.split("-"))
    rng, val = np.random.default_rng(seed), dataset.split("val")
    results = []
    for i, path in enumerate(val.images):
        own = val.image_index == i
        centres = val.boxes[own, :2].astype(np.float32) * 96
        corners = np.hstack([centres - 20, centres + 20])
        moved = corners + rng.normal(0, 12 / images**0.5, corners.shape)
        found = Detections(moved.astype(np.float32), rng.random(len(moved)).astype(np.float32), val.class_ids[own])
        results.append(ImageResult(str(path), found, corners, val.class_ids[own]))
    return results


@pytest.fixture(autouse=True)
def scored(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "real" not in request.node.name:
        monkeypatch.setattr("yolo_tl.learning_curve.held_out", grown)


def made(data: Path, out: Path, trainer: Trainer, **options: Any) -> LearningCurve:
    common = {"device": "cpu", "imgsz": 64, "epochs": EPOCHS, **options.pop("overrides", {})}
    options = {"sizes": SIZES, "repeats": 3, "preset": None, **options}
    return learning_curve(
        data, SCRATCH, out, train=trainer.train, resume=trainer.resume, plan=api.plan, overrides=common, **options
    )


@pytest.fixture(scope="module")
def finished(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trainer, LearningCurve]:
    out, trainer = tmp_path_factory.mktemp("curve") / "out", Trainer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("yolo_tl.learning_curve.held_out", grown)
        return out, trainer, made(sample, out, trainer)


def test_subsets_are_nested_and_the_whole_is_trained_once(finished: tuple[Path, Trainer, LearningCurve]) -> None:
    _, trainer, result = finished
    assert [(p.images, p.seed) for p in result.points] == [(n, s) for n in SIZES[:3] for s in range(3)] + [(17, 0)]
    for seed in range(3):
        few, some, many = (trainer.images[f"n{n}-seed{seed}"] for n in SIZES[:3])
        assert (len(few), len(some), len(many)) == (3, 6, 12)
        assert few < some < many < trainer.images["n17-seed0"]
    assert trainer.images["n6-seed0"] != trainer.images["n6-seed1"]
    assert [size.runs for size in result.sizes] == [3, 3, 3, 1]


def test_every_run_takes_the_same_steps(finished: tuple[Path, Trainer, LearningCurve], sample: Path) -> None:
    _, trainer, result = finished
    whole = api.plan(sample, SCRATCH, preset=None, overrides={"device": "cpu", "imgsz": 64, "epochs": EPOCHS})
    assert trainer.asked["n17-seed0"]["epochs"] == EPOCHS
    for point in result.points:
        asked = trainer.asked[point.run.name]
        assert point.steps == pytest.approx(whole.budget.steps, rel=0.05)
        assert asked["seed"] == point.seed
        assert asked["patience"] == asked["epochs"], "a run that stops early takes fewer steps"
        assert {key: asked[key] for key in ("batch", "nbs", "optimizer")} == {
            key: whole[key] for key in ("batch", "nbs", "optimizer")
        }
        # What is counted in epochs is the same share of the run.
        for key in ("warmup", "ema_window"):
            assert asked[key] / asked["epochs"] == pytest.approx(whole[key] / EPOCHS)
    assert trainer.asked["n3-seed0"]["epochs"] > 2 * EPOCHS


def test_scores_means_and_sentence(finished: tuple[Path, Trainer, LearningCurve], sample: Path) -> None:
    out, _, result = finished
    names = read_dataset(sample).names
    for point in result.points:
        results = grown(point.run, read_dataset(sample))
        assert point.score == pytest.approx(evaluate(results, names).map50_95)
        assert point.interval == bootstrap(results, names).map50_95
    for size in result.sizes:
        assert size.score == pytest.approx(np.mean([p.score for p in result.points if p.images == size.images]))
        assert size.interval.low < size.score < size.interval.high
    assert result.sizes[0].score < result.sizes[-1].score
    assert result.cpu_seconds == 10 * 2.5
    assert result.fit is not None
    assert result.more is not None
    assert result.sentence == result.more.describe()
    assert result.fit.at(17)[0] == pytest.approx(result.sizes[-1].score, abs=0.1)
    written = json.loads((out / RESULT).read_text())
    assert written == json.loads(json.dumps(result.to_json()))
    assert written["sentence"] == result.sentence
    assert (out / PICTURE).read_text().startswith("<svg")


def test_the_data_are_left_as_they_are_and_the_rest_is_kept(finished: tuple[Path, Trainer, LearningCurve]) -> None:
    out, _, _ = finished
    assert sorted(path.name for path in (out / "data").iterdir()) == sorted(
        path.name for path in out.iterdir() if path.name.startswith("n")
    )
    assert len(list((out / "scores").glob("*.npz"))) == 10


def test_it_goes_on_where_it_was(sample: Path, tmp_path: Path) -> None:
    out, stopped = tmp_path / "out", Trainer(stop_at=3)
    with pytest.raises(TrainingInterrupted):
        made(sample, out, stopped)
    assert list(stopped.asked) == ["n3-seed0", "n6-seed0"]
    assert not (out / RESULT).exists()
    again = Trainer()
    result = made(sample, out, again, overrides={"threads": 1})
    assert again.resumed == ["n12-seed0"]
    assert len(again.asked) == 7
    # Other sizes and repeats are the same request; what is there is used.
    more = Trainer()
    wider = made(sample, out, more, sizes=[3, 6, 9, 12, 17], repeats=2)
    assert list(more.asked) == ["n9-seed0", "n9-seed1"]
    assert {p.score for p in wider.points if p.images == 6} < {p.score for p in result.points}
    with pytest.raises(UsageError, match="holds a learning curve of something else: imgsz was 64, is 96"):
        made(sample, out, more, overrides={"imgsz": 96})
    with pytest.raises(UsageError, match="steps was"):
        made(sample, out, more, steps=20)
    everything = Trainer()
    made(sample, out, everything, sizes=[6, 12], repeats=1, overrides={"imgsz": 96}, overwrite=True)
    assert list(everything.asked) == ["n6-seed0", "n12-seed0"]
    assert not (out / "n3-seed0").exists()


def test_other_labels_are_another_request(sample: Path, tmp_path: Path) -> None:
    data, out = shutil.copytree(sample, tmp_path / "data"), tmp_path / "out"
    with pytest.raises(TrainingInterrupted):
        made(data, out, Trainer(stop_at=1))
    label = next(path for path in sorted((data / "labels/train").glob("*.txt")) if path.read_text())
    label.write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(UsageError, match="data was"):
        made(data, out, Trainer())


def test_steps_can_be_given(sample: Path, tmp_path: Path) -> None:
    result = made(sample, tmp_path / "out", Trainer(), sizes=[6, 12, 17], repeats=1, steps=30)
    assert {point.steps for point in result.points} <= {29, 30, 31}
    assert any("one run of each size" in note for note in result.notes)


def test_the_first_seed_is_that_of_the_recipe(sample: Path, tmp_path: Path) -> None:
    trainer = Trainer()
    made(sample, tmp_path / "out", trainer, sizes=[6, 12], repeats=2, overrides={"seed": 5})
    assert list(trainer.asked) == ["n6-seed5", "n12-seed5", "n6-seed6", "n12-seed6"]


def test_two_sizes_are_no_forecast(sample: Path, tmp_path: Path) -> None:
    result = made(sample, tmp_path / "out", Trainer(), sizes=[6, 17])
    assert result.fit is None
    assert result.more is None
    assert result.sentence == "no forecast: 2 sizes were measured, 3 or more are needed"
    assert result.to_json()["more"] is None
    assert result.picture.is_file()


def test_rare_classes_are_repeated_in_the_steps_too(sample: Path, tmp_path: Path) -> None:
    result = made(sample, tmp_path / "out", Trainer(), sizes=[6, 12, 17], repeats=1, overrides={"repeat": 0.9})
    steps = [point.steps for point in result.points]
    assert max(steps) - min(steps) <= 0.05 * max(steps)


def test_sizes_are_eighths_by_default_and_classes_that_lack_are_named(sample: Path, tmp_path: Path) -> None:
    result = made(sample, tmp_path / "out", Trainer(), sizes=None, repeats=1)
    assert [size.images for size in result.sizes] == [2, 4, 8, 17]
    two = result.points[0]
    shown = read_dataset(tmp_path / "out" / "data" / two.run.name).split("train").instances
    lacking = [name for name, count in zip(read_dataset(sample).names, shown, strict=True) if not count]
    said = [note for note in result.notes if note.startswith("the 2 images of seed 0 do not show")]
    assert bool(said) == bool(lacking)
    assert all(name in said[0] for name in lacking)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sizes": [17]}, "expected two or more, 3 for a forecast, found \\[17\\]"),
        ({"sizes": [6, 6]}, "expected two or more"),
        ({"sizes": []}, "expected two or more"),
        ({"sizes": [6, 18]}, "from 1 to the 17 training images, found 18"),
        ({"sizes": [0, 6]}, "found 0"),
        ({"repeats": 0}, "repeats"),
        ({"steps": 0}, "steps"),
        ({"gain": 0.0}, "gain"),
        ({"overrides": {"stages": [{"until": 5}, {"name": "all"}]}}, "as a share"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_made(
    sample: Path, tmp_path: Path, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        made(sample, tmp_path / "out", Trainer(), **options)
    assert not (tmp_path / "out").exists()


def test_a_val_split_that_says_nothing_is_refused(sample: Path, tmp_path: Path) -> None:
    data = shutil.copytree(sample, tmp_path / "data")
    for label in (data / "labels/val").glob("*.txt"):
        label.write_text("")
    with pytest.raises(DataError, match="and 0 objects"):
        made(data, tmp_path / "out", Trainer())


def test_the_curve_lies_outside_the_data(sample: Path) -> None:
    with pytest.raises(UsageError, match="never modified"):
        made(sample, sample / "curve", Trainer())


@pytest.mark.slow
def test_a_real_curve_is_trained_and_scored(sample: Path, tmp_path: Path) -> None:
    options = {"epochs": 1, "imgsz": 64, "batch": 8, "device": "cpu", "threads": 1, "augment.mosaic": 0.0}
    out = tmp_path / "out"
    result = curve(sample, SCRATCH, out=out, sizes=[8, 17], repeats=1, preset=None, overrides=options)
    for point in result.points:
        saved = json.loads((point.run / "metrics.json").read_text())
        assert point.cpu_seconds == saved["cpu_seconds"] > 0
        assert point.steps == 3
    # After one epoch the last weights are the best ones; both are scored by one protocol.
    assert result.points[1].score == pytest.approx(json.loads((out / "n17-seed0/metrics.json").read_text())["map50_95"])
    before = (out / RESULT).read_bytes()
    curve(sample, SCRATCH, out=out, sizes=[8, 17], repeats=1, preset=None, overrides=options)
    assert (out / RESULT).read_bytes() == before
