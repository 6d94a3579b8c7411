"""Tiles from the outside: a split, the functions and the commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.bundles import draw_pictures, toy_bundle
from support.datasets import dataset
from support.sight import NAMES, Sight, drawing, seeing

from yolo_tl import api
from yolo_tl.cli.evaluate import command as evaluate
from yolo_tl.cli.predict import command as predict
from yolo_tl.data import read_dataset
from yolo_tl.edge import Classifier, Detector, read_image
from yolo_tl.edge.artifact import Artifact
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.edge.tiled import TiledDetector
from yolo_tl.edge.tiling import Tiling
from yolo_tl.errors import UsageError
from yolo_tl.evaluation import evaluate as score
from yolo_tl.evaluation.inspection.units import LOWEST
from yolo_tl.prediction import load_model, predict_split

SMALL = Tiling(tile=64, overlap=30)


@pytest.fixture
def toys(tmp_path: Path) -> tuple[Path, Path]:
    """A bundle of the toy network, and a data set that it knows nothing about."""
    pictures = draw_pictures(tmp_path / "pictures", 3)
    images = {f"val/{path.name}": (read_image(path), ["0 0.5 0.5 0.2 0.2", "1 0.3 0.3 0.4 0.4"]) for path in pictures}
    return toy_bundle(tmp_path / "bundle", golden=False), dataset(
        tmp_path / "data", images, names=[f"class {i}" for i in range(3)]
    )


def test_a_split_is_scored_on_what_is_put_together_from_tiles(tmp_path: Path) -> None:
    images = {}
    for number in range(2):
        picture, planted = drawing(400, 500, seed=number)
        rows = [
            f"{n} {(x1 + x2) / 1000:.8f} {(y1 + y2) / 800:.8f} {(x2 - x1) / 500:.8f} {(y2 - y1) / 400:.8f}"
            for x1, y1, x2, y2, n in planted
        ]
        images[f"val/{number}.png"] = picture, rows
    data = read_dataset(dataset(tmp_path, images, names=NAMES))
    detector = seeing()
    tiled = score(predict_split(TiledDetector(detector, largest_object=60), data, "val").results, NAMES)
    assert tiled.map50_95 == pytest.approx(1, abs=0.006)  # what the interpolation leaves
    whole = score(predict_split(detector, data, "val").results, NAMES)
    assert whole.map50_95 < 0.9  # on a quarter of the scale, patches run together


def test_a_bundle_is_scored_as_it_is_used(toys: tuple[Path, Path]) -> None:
    bundle, data = toys
    detector = Detector(bundle, threads=1)
    detector.confidence = LOWEST
    detector.class_confidence = dict.fromkeys(detector.names, LOWEST)  # every class of an anchor, not only its best
    found = api.evaluate(bundle, data, resamples=100).predictions
    tiled = api.evaluate(bundle, data, resamples=100, tiling=SMALL).predictions
    assert found.model == tiled.model == str(bundle)
    for said, used in ((found, detector), (tiled, TiledDetector(detector, tile=64, overlap=30))):
        for result in said.results:
            direct = used(read_image(result.image))
            assert np.array_equal(result.detections.xyxy, direct.xyxy)
            assert np.array_equal(result.detections.class_id, direct.class_id)
            assert len(direct) > 100
    alone = api.evaluate(bundle, data, resamples=100, tiling=Tiling(tile=400)).predictions
    for ours, theirs in zip(alone.results, found.results, strict=True):
        assert np.array_equal(ours.detections.xyxy, theirs.detections.xyxy)


def test_kept_predictions_of_tiles_stand_for_the_model(toys: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, data = toys
    first = api.evaluate(bundle, data, resamples=100, tiling=SMALL, save_predictions=tmp_path / "said.npz")
    again = api.evaluate(tmp_path / "said.npz", data, resamples=100)
    assert again.metrics == first.metrics
    with pytest.raises(UsageError, match="expected a model to look at tiles"):
        api.evaluate(tmp_path / "said.npz", data, tiling=SMALL)


def test_the_commands_take_tiles(toys: tuple[Path, Path]) -> None:
    bundle, data = toys
    options = ["--tile", "64", "--overlap", "30", "--json"]
    done = CliRunner().invoke(evaluate, [str(bundle), str(data), "--resamples", "100", *options])
    assert done.exit_code == 0, done.output
    expected = api.evaluate(bundle, data, resamples=100, tiling=SMALL)
    assert json.loads(done.stdout)["map50_95"] == expected.metrics.map50_95
    done = CliRunner().invoke(predict, [str(bundle), str(data / "images/val"), "--confidence", "0.95", *options])
    assert done.exit_code == 0, done.output
    tiled = TiledDetector(Detector(bundle), tile=64, overlap=30)
    for line in map(json.loads, done.stdout.splitlines()):
        boxes = [row["box"] for row in line["detections"]]
        assert boxes == tiled(read_image(line["image"]), confidence=0.95).xyxy.tolist()
        assert boxes


def test_the_options_of_tiles_go_together(toys: tuple[Path, Path]) -> None:
    bundle, data = toys
    for options in (["--overlap", "9"], ["--largest-object", "9"], ["--overview"]):
        done = CliRunner().invoke(predict, [str(bundle), str(data), *options])
        assert isinstance(done.exception, UsageError)
    for options in (["--tile", "0"], ["--tile", "64", "--largest-object", "0"]):
        assert CliRunner().invoke(predict, [str(bundle), str(data), *options]).exit_code == 2


def test_what_has_no_use_for_tiles_says_so(toys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(load_model(str(toys[0]), tiling=SMALL), TiledDetector)
    assert type(load_model(str(toys[0]))) is Detector
    network = Sight()
    artifact = Artifact(Path("sight"), Pipeline(network))
    network.info = replace(network.info, task="pose", keypoints=(1, 2))
    with pytest.raises(UsageError, match="sight: expected a model of the task detect, found pose"):
        predict_split(Detector(artifact), read_dataset(toys[1]), "val")
    network.info = replace(network.info, task="classify")
    monkeypatch.setattr("yolo_tl.prediction.open_artifact", lambda path: artifact)
    with pytest.raises(UsageError, match="expected a model that finds boxes"):
        load_model("sight", tiling=SMALL)
    assert isinstance(load_model("sight"), Classifier)
