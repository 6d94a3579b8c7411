"""Qualifying from end to end: the verdict as exit code, the file for the export, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.checkpoints import checkpoint, run_folder

import yolo_tl
from yolo_tl.boxes import Detections, xywh_to_xyxy
from yolo_tl.cli import main
from yolo_tl.data import read_dataset
from yolo_tl.data.dataset import Dataset
from yolo_tl.edge import read_image
from yolo_tl.evaluation import ImageResult, Predictions, exact
from yolo_tl.evaluation.inspection.contract import InspectionContract
from yolo_tl.evaluation.inspection.qualification import judge
from yolo_tl.evaluation.inspection.units import inspect
from yolo_tl.files import sha256

LAX = ["--overkill", "all", "--max-overkill", "null", "--max-escape", "0.6", "--level", "0.5"]


def invoke(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["qualify", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def weights(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has learned nothing."""
    return checkpoint(tmp_path_factory.mktemp("weights") / "net.pt", sample)


def truths(dataset: Dataset, split: str) -> list[ImageResult]:
    """Each image with its labels in px, and detections that are just these."""
    chosen, results = dataset.split(split), []
    for i, (path, size) in enumerate(zip(chosen.images, chosen.image_sizes, strict=True)):
        mine = chosen.image_index == i
        boxes = xywh_to_xyxy(chosen.boxes[mine] * np.tile(size, 2)).astype(np.float32)
        kinds = chosen.class_ids[mine]
        results.append(
            ImageResult(str(path), Detections(boxes, np.full(len(boxes), 0.9, np.float32), kinds), boxes, kinds)
        )
    return results


@pytest.fixture
def seeing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the network see everything, or, on one split, nothing."""

    def see(*, blind_on: str = "") -> None:
        def predict(module: object, *, dataset: Dataset, split: str, **_: Any) -> Predictions:
            results = truths(dataset, split)
            if split == blind_on:
                results = [replace(result, detections=Detections.empty()) for result in results]
            return Predictions(tuple(results), dataset.names, split, model="", data=str(dataset.data))

        monkeypatch.setattr("yolo_tl.exporting.rehearsal.rehearse", predict)

    return see


@pytest.mark.parametrize(
    ("level", "blind_on", "code", "verdict"),
    [("0.5", "", 0, "met"), ("0.95", "", 9, "not provable"), ("0.5", "test", 8, "not met")],
)
def test_the_verdict_is_the_exit_code_and_the_file_is_written(
    weights: Path, sample: Path, tmp_path: Path, seeing, level: str, blind_on: str, code: int, verdict: str
) -> None:
    seeing(blind_on=blind_on)
    out = tmp_path / "q.json"
    said = invoke(weights, sample, "-o", out, *LAX, "--level", level, "--json", code=code)
    plain = json.loads(out.read_text())
    assert json.loads(said.stdout) == plain
    assert plain["verdict"] == verdict
    assert ("error:" in said.stderr) == (code != 0)
    dataset = read_dataset(sample)
    assert plain["thresholds"].keys() == set(dataset.names)
    assert plain["model"]["sha256"] == sha256(weights)
    assert (plain["model"]["head"], plain["model"]["imgsz"]) == ("one-to-many", 64)
    assert (plain["chosen"]["split"], plain["judged"]["split"]) == ("val", "test")
    assert plain["judged"]["images"] == len(dataset.split("test"))
    (requirement,) = plain["judged"]["requirements"]
    k, n = requirement["failures"], requirement["units"]
    assert k == (n if blind_on else 0)
    assert requirement["bound"] == pytest.approx(exact.upper_bound(k, n, level=float(level)))
    assert len(plain["judged"]["escapes"]) == k


def test_a_table_and_sentences_for_people(sample: Path, tmp_path: Path, seeing) -> None:
    seeing()
    said = invoke(run_folder(tmp_path / "run", sample), sample, *LAX).stdout
    for words in ("threshold", "margin", "verdict", "escape rate at most 60 %: met.", "On test the contract is met."):
        assert words in said


def test_what_was_judged_is_what_the_bundle_does(learned: tuple[Path, Path], tmp_path: Path) -> None:
    """Contract → thresholds → bundle → edge: the same escapes and the same false alarms, image by image."""
    data, weights = learned
    out = tmp_path / "q.json"
    result = yolo_tl.api.qualify(
        weights, data, overrides={"overkill": "all", "max_escape": 0.5, "max_overkill": 0.6}, out=out
    )
    yolo_tl.export(weights, data, tmp_path / "bundle", qualification=out)
    detector = yolo_tl.Detector(tmp_path / "bundle")
    assert detector.class_confidence == result.choice.thresholds
    found = [replace(one, detections=detector(read_image(one.image))) for one in truths(read_dataset(data), "test")]
    at_the_edge = Predictions(tuple(found), detector.names, "test", model="", data="")
    again = judge(inspect(at_the_edge, result.contract), result.contract, result.choice.thresholds)
    assert again.requirements == result.judged.requirements
    assert {i.unit for i in again.escapes} == {i.unit for i in result.judged.escapes}
    assert {i.unit for i in again.overkills} == {i.unit for i in result.judged.overkills}
    assert sum(len(one.detections) for one in found) > 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-c", "critcal"], 2, "did you mean 'critical'"),
        (["--set", "max_escapes=0.1"], 2, "did you mean 'max_escape'"),
        (["--set", "classes=[{name: ring}]"], 2, "the data has no class 'ring'"),
        (["--judge-on", "val"], 2, "expected two splits other than train, found val to choose on and val to judge on"),
        (["--choose-on", "train"], 2, "expected two splits other than train"),
        (["--judge-on", "holdout"], 3, "has no split 'holdout'"),
    ],
)
def test_requests_that_are_refused_before_the_network_is_loaded(
    sample: Path, arguments: list[str], code: int, message: str
) -> None:
    assert message in invoke("nowhere.pt", sample, *arguments, code=code).stderr


@pytest.fixture
def data(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "data"))


def files(data: Path, split: str) -> list[Path]:
    return list(read_dataset(data).split(split).images)


def copy(data: Path, image: Path, split: str, name: str) -> None:
    """An image and its labels in another split, under another name."""
    labels = data / "labels" / image.parent.name / f"{image.stem}.txt"
    shutil.copy(image, data / "images" / split / f"{name}{image.suffix}")
    shutil.copy(labels, data / "labels" / split / f"{name}.txt")


@pytest.mark.parametrize("other", ["train", "val"])
def test_an_image_that_trained_or_chose_cannot_judge(data: Path, other: str) -> None:
    copy(data, files(data, other)[0], "test", "innocent")
    said = invoke("nowhere.pt", data, code=3).stderr
    assert f"expected test to have images of its own, found 1 that {other} has, too" in said
    assert "innocent" in said


def test_a_split_without_images(data: Path) -> None:
    for image in files(data, "test"):
        image.unlink()
    assert "test" in invoke("nowhere.pt", data, code=3).stderr


def test_a_part_in_both_splits(data: Path) -> None:
    for i, split in enumerate(("val", "test")):
        copy(data, files(data, "train")[i], split, f"part7_view{i}")
        files(data, "train")[i].unlink()
    parts = ["--unit", "part", "--parts", "regex:(part7)_view"]
    assert "its part part7 has images in val and in test" in invoke("nowhere.pt", data, *parts, code=3).stderr


def test_parts_are_judged_as_a_whole(weights: Path, data: Path, seeing) -> None:
    seeing()
    images = len(files(data, "test"))
    pattern = f"regex:(test/{files(data, 'test')[0].stem}|test/{files(data, 'test')[1].stem})"
    whole = ["--unit", "part", "--parts", "regex:(test)/"]
    judged: dict[str, Any] = json.loads(invoke(weights, data, *LAX, *whole, "--json").stdout)["judged"]
    assert (judged["units"], judged["images"]) == (1, images)
    judged = json.loads(invoke(weights, data, *LAX, "--unit", "part", "--parts", pattern, "--json").stdout)["judged"]
    assert judged["units"] == images


def test_a_class_or_a_good_image_that_is_not_there_is_not_measurable(weights: Path, data: Path, seeing) -> None:
    seeing()
    said = invoke(weights, data, "--set", "overkill=good", code=3).stderr
    assert "has a defect" in said
    assert "not measurable, which is not the same as 0" in said
    for image in files(data, "val"):
        labels = data / "labels" / "val" / f"{image.stem}.txt"
        labels.write_text("".join(row + "\n" for row in labels.read_text().splitlines() if not row.startswith("0 ")))
    name = read_dataset(data).names[0]
    assert f"val has no {name} that must be found" in invoke(weights, data, *LAX, code=3).stderr


def test_default_is_the_contract_of_its_fields() -> None:
    from yolo_tl.presets import resolve

    assert resolve(InspectionContract, kind="inspect", preset="default").config == InspectionContract()
