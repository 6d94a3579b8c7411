"""``yolo-tl evaluate`` on kept predictions: nothing is trained here."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from support.simulated import simulated

from yolo_tl.api.scores import Evaluation, evaluate, of_predictions
from yolo_tl.boxes import Detections
from yolo_tl.cli.evaluate import command, render
from yolo_tl.data import read_dataset
from yolo_tl.errors import DataError, UsageError
from yolo_tl.evaluation import Predictions
from yolo_tl.evaluation import evaluate as score


@pytest.fixture(scope="module")
def kept(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a detector that does not exist says of the training images, of which there are most."""
    path = tmp_path_factory.mktemp("kept") / "said.npz"
    simulated(read_dataset(sample)).write(path)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def said(kept: Path) -> Predictions:
    return Predictions.read(kept)


def test_the_table_has_every_kind_of_score(sample: Path, kept: Path) -> None:
    done = run(kept, sample, "--split", "train", "--resamples", 200)
    assert done.exit_code == 0, done.output
    for words in (
        "95 % interval",
        "Above confidence",
        "false alarms",
        "small",
        "upper third",
        "localisation",
        "Calibration: confidence is",
        "you can see differences of mAP50-95 above",
        "compare",
    ):
        assert words in done.output
    predictions = said(kept)
    assert f"mAP50-95 {score(predictions.results, predictions.names).map50_95:.3f}, 95 % interval [" in done.output


def test_json_has_what_was_there_before_and_what_is_new(sample: Path, kept: Path) -> None:
    done = run(kept, sample, "--split", "train", "--resamples", 200, "--confidence", 0.5, "--json")
    found = json.loads(done.stdout)
    metrics = score(said(kept).results, said(kept).names).to_json()
    for key in ("map50", "map50_95", "precision", "recall", "f1", "confidence", "images", "instances"):
        assert found[key] == metrics[key]
    assert found["ci95"][0] < found["map50_95"] < found["ci95"][1]
    name = next(iter(metrics["per_class"]))
    assert found["per_class"][name]["ci95"][0] < found["per_class"][name]["ap50_95"]
    assert found["operating"]["confidence"] == 0.5
    assert found["sizes"]["all"]["map50_95"] == pytest.approx(found["map50_95"], abs=0.015)
    assert sum(found["sizes"][size]["instances"] for size in ("small", "medium", "large")) == found["instances"]
    assert sum(map(sum, found["confusion"])) >= found["instances"]
    assert found["mistakes"]["kinds"]["background"]["count"] > 0
    assert found["calibration"]["ci95"]["ece"] is not None
    assert found["detectable"] == pytest.approx((found["ci95"][1] - found["ci95"][0]) / 2)
    assert (found["without_interval"], found["trained_on"]) == (None, [])


def test_groups_are_drawn_together(sample: Path, kept: Path) -> None:
    alone, grouped = (
        evaluate(kept, sample, split="train", resamples=200, near_duplicates=False, group_by=ways)
        for ways in ((), ["regex:([0-9])[^0-9]*$"])
    )
    assert alone.units == alone.metrics.images
    assert 1 < grouped.units <= 10
    assert grouped.metrics == alone.metrics
    assert grouped.intervals != alone.intervals
    assert f"({grouped.units} that are independent)" in grouped.describe()


def test_what_the_model_said_can_be_kept_and_read_again(sample: Path, kept: Path, tmp_path: Path) -> None:
    done = run(kept, sample, "--split", "train", "--save-predictions", tmp_path / "again.npz", "--resamples", 100)
    assert done.exit_code == 0
    again = Predictions.read(tmp_path / "again.npz")
    assert [len(one.detections) for one in again.results] == [len(one.detections) for one in said(kept).results]


def test_a_split_of_training_images_is_refused(sample: Path, kept: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sample, folder)
    shutil.rmtree(folder / "images" / "val")
    shutil.copytree(folder / "images" / "train", folder / "images" / "val")
    with pytest.raises(DataError, match="expected images in val that were not trained on, found all") as raised:
        evaluate(kept, folder)
    assert raised.value.exit_code == 3


def test_a_few_training_images_are_said(sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sample, folder)
    first = sorted((folder / "images" / "train").iterdir())[0]
    shutil.copy(first, folder / "images" / "val" / f"copy{first.suffix}")
    simulated(read_dataset(folder), "val").write(tmp_path / "said.npz")
    done = run(tmp_path / "said.npz", folder, "--resamples", 100)
    assert done.exit_code == 0, done.output
    assert "note: 1 of" in done.output
    assert "are in train, too" in done.output


def test_an_empty_split_is_refused(sample: Path, kept: Path, tmp_path: Path) -> None:
    content = yaml.safe_load((sample / "data.yaml").read_text())
    (tmp_path / "nothing").mkdir()
    (tmp_path / "data.yaml").write_text(
        yaml.safe_dump({**content, "path": str(sample), "test": str(tmp_path / "nothing")})
    )
    with pytest.raises(DataError, match="no images in"):
        evaluate(kept, tmp_path / "data.yaml", split="test")


def test_one_image_has_scores_and_no_interval(kept: Path) -> None:
    every = said(kept)
    one = next(result for result in every.results if len(result.truth_class))
    found = of_predictions(replace(every, results=(one,)))
    assert found.intervals is None
    assert found.detectable is None
    assert found.without_interval == "no interval: one image says nothing about the next"
    text = render(found)
    assert found.without_interval in text
    assert "you can see" not in text
    assert json.loads(json.dumps(found.to_json()))["ci95"] is None
    together = of_predictions(every, groups=["same"] * len(every.results))
    assert "one group of images" in render(together)


def test_a_class_that_nothing_shows_is_not_measurable(kept: Path) -> None:
    found = of_predictions(replace(said(kept), names=(*said(kept).names, "never seen")), resamples=100)
    assert found.not_measurable == ("never seen",)
    assert "never seen" not in found.to_json()["per_class"]
    row = next(line for line in render(found).splitlines() if line.startswith("never seen"))
    assert row.split("  ")[-1].strip() == "not measurable"
    assert " 0.000" not in row


def test_no_labels_and_no_detections(kept: Path) -> None:
    every = said(kept)
    silent = of_predictions(
        replace(every, results=tuple(replace(r, detections=Detections.empty()) for r in every.results)), resamples=100
    )
    assert silent.calibration.ece is None
    assert "Calibration: not measurable" in render(silent)
    bare = replace(
        every,
        results=tuple(replace(r, truth_xyxy=r.truth_xyxy[:0], truth_class=r.truth_class[:0]) for r in every.results),
    )
    assert "no interval: nothing is labelled" in render(of_predictions(bare))


def test_a_threshold_out_of_range_is_refused(kept: Path) -> None:
    with pytest.raises(UsageError, match="confidence: expected a number from 0 to 1"):
        of_predictions(said(kept), confidence=3)


def test_the_operating_point_is_where_f1_is_largest_by_default(kept: Path) -> None:
    found: Evaluation = of_predictions(said(kept), resamples=100)
    assert found.confidence == found.metrics.confidence
    assert found.operating.recall == pytest.approx(found.metrics.recall, abs=0.15)
