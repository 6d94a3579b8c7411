from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from yolo_tl.api.comparing import _names, compare, members
from yolo_tl.boxes import Detections, xywh_to_xyxy
from yolo_tl.cli.compare import command
from yolo_tl.data import read_dataset
from yolo_tl.errors import DataError, DataNotFound, NotImproved, UsageError
from yolo_tl.evaluation import ImageResult, Predictions

QUICK = ("--resamples", "200", "--no-near-duplicates")


@pytest.fixture(scope="module")
def kept(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes predictions for train of the sample: its labels, shifted by noise, and false alarms."""
    folder = tmp_path_factory.mktemp("kept")
    dataset = read_dataset(sample)
    split = dataset.split("train")

    def made(name: str, seed: int, noise: float) -> Path:
        rng, results = np.random.default_rng(seed), []
        for i, image in enumerate(split.images):
            height, width = cv2.imread(str(image)).shape[:2]
            truth = (xywh_to_xyxy(split.boxes[split.image_index == i]) * ([width, height] * 2)).astype(np.float32)
            classes = split.class_ids[split.image_index == i]
            boxes = np.concatenate([truth + rng.normal(0, noise, truth.shape), [[0, 0, 12, 12]]]).astype(np.float32)
            said = Detections(boxes, rng.random(len(boxes), dtype=np.float32), np.append(classes, 0))
            results.append(ImageResult(str(image), said, truth, classes))
        path = folder / f"{name}.npz"
        Predictions(tuple(results), tuple(dataset.names), "train", name, str(dataset.data)).write(path)
        return path

    return made


@pytest.fixture(scope="module")
def good(kept: Callable[..., Path]) -> str:
    return ",".join(str(kept(f"good{seed}", seed, 0.5)) for seed in (1, 2))


@pytest.fixture(scope="module")
def bad(kept: Callable[..., Path]) -> str:
    return ",".join(str(kept(f"bad{seed}", seed, 6.0)) for seed in (3, 4))


@pytest.fixture
def run(sample: Path) -> Callable[..., Result]:
    def called(*arguments: object) -> Result:
        return CliRunner().invoke(command, [*map(str, arguments), "--data", str(sample), "--split", "train", *QUICK])

    return called


def test_the_table_and_the_verdict(run, good: str, bad: str) -> None:
    result = run(good, bad, "--name", "new", "--name", "old")
    assert result.exit_code == 0, result.output
    assert "new is better than old: mAP50-95 0." in result.stdout
    assert "2 and 2 runs that are paired by position" in result.stdout
    for row in ("mAP50-95 ", "mAP50 ", "small ", "large "):
        assert any(line.startswith(row) for line in result.stdout.splitlines()), row
    assert "images differ at confidence" in result.stdout
    assert "deviation" not in result.stdout, "a ranking of two says nothing new"


def test_three_models_are_ranked_and_the_first_is_compared_with_each(run, good: str, bad: str) -> None:
    one = good.split(",")[0]
    result = run(bad, good, "--json")
    assert result.exit_code == 0, result.output
    result = run(bad, one, bad.split(",")[0].replace("bad3", "bad4"))
    assert result.exit_code == 1
    assert isinstance(result.exception, DataError), "a run that is in both"
    result = run(bad.split(",")[0], one, bad.split(",")[1])
    assert result.exit_code == 0, result.output
    assert "bad3 is worse than good1" in result.stdout
    assert "bad3 is not distinguishable from bad4" in result.stdout
    assert result.stdout.rstrip().splitlines()[-3].startswith("good1")


def test_json_and_pictures(run, good: str, bad: str, tmp_path: Path) -> None:
    result = run(good, bad, "--json", "--out", tmp_path / "out", "--pictures", "2")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told == json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    (comparison,) = told["comparisons"]
    assert comparison["verdict"] == "better"
    assert comparison["flips"][0]["gained"] > 0
    assert [row["name"] for row in told["ranking"]] == ["good1", "bad3"]
    assert len(comparison["pictures"]) == 2
    for picture in comparison["pictures"]:
        pixels = cv2.imread(picture)
        assert pixels.shape[1] > 3 * pixels.shape[0] / 2, "truth, A and B side by side"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["comparison.json", "flips-1"]
    again = run(good, bad, "--out", tmp_path / "out")
    assert isinstance(again.exception, UsageError)


def test_what_is_required_and_not_shown_exits_with_7(run, good: str, bad: str) -> None:
    assert run(good, bad, "--require", "better").exit_code == 0
    assert run(good, bad, "--require", "not-worse").exit_code == 0
    same = good.split(",")
    assert run(*same, "--require", "not-worse").exit_code == 0
    for models, wanted in ((same, "better"), ((bad, good), "better"), ((bad, good), "not-worse")):
        result = run(*models, "--require", wanted)
        assert isinstance(result.exception, NotImproved), (models, wanted)
        assert result.exception.exit_code == 7
        assert "is better" in result.stdout or "is worse" in result.stdout or "not distinguishable" in result.stdout


def test_images_that_belong_together_are_resampled_together(sample: Path, good: str, bad: str) -> None:
    alone = compare([good, bad], sample, split="train", resamples=100, near_duplicates=False)
    assert alone.comparisons[0].groups is None
    by_digit = ["regex:.*?([0-4])\\.[a-z]+$"]
    grouped = compare([good, bad], sample, split="train", resamples=100, near_duplicates=False, group_by=by_digit)
    assert 1 < grouped.comparisons[0].groups < grouped.comparisons[0].images


def test_requests_that_cannot_mean_anything(sample: Path, good: str, bad: str) -> None:
    with pytest.raises(UsageError, match="two models or more to compare, found 1"):
        compare([good], sample)
    with pytest.raises(UsageError, match="a name of its own for each of the 2 models"):
        compare([good, bad], sample, names=["one"])
    with pytest.raises(UsageError, match="a name of its own"):
        compare([good, bad], sample, names=["one", "one"])
    with pytest.raises(DataError, match="images of val"):
        compare([good, bad], sample)


def test_a_recipe_is_a_model_or_several(tmp_path: Path) -> None:
    for name in ("seed10", "seed9", "seed1"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.yaml").touch()
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "a,b.pt").touch()
    folders = [str(path) for path in members(tmp_path / "runs")]
    assert [Path(path).name for path in folders] == ["seed1", "seed9", "seed10"]
    assert members(tmp_path / "runs" / "seed9") == [tmp_path / "runs" / "seed9"]
    assert members("x.pt, y.npz") == ["x.pt", "y.npz"]
    assert members(str(tmp_path / "a,b.pt")) == [str(tmp_path / "a,b.pt")]
    with pytest.raises(UsageError, match="a recipe without a model"):
        members([])
    assert [str(path) for path in members([tmp_path / "runs", "x.pt"])] == [*folders, "x.pt"]
    with pytest.raises(DataNotFound, match=r"found no run\.yaml in it"):
        members(tmp_path / "runs" / "notes")


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (["runs/a", "runs/b/weights/best.pt"], ["a", "b"]),
        (["runs/a/predictions.npz", "kept.npz"], ["a", "kept"]),
        (["x/run", "y/run", "z"], ["x/run", "y/run", "z"]),
        (["run", "run/weights/last.pt"], ["run", "last"]),
        (["a/seed0,a/seed1", ["b/seed0", "b/seed1"]], ["a", "b"]),
        (["kept/a1,kept/a2", "kept/b1,kept/b2"], ["a1", "b1"]),
        (["a1,b1", "a2"], ["a1", "a2"]),
        (["a/x/end,a/y/end", "b/end"], ["a", "end"]),
        (["v1.5", "v1.6"], ["v1.5", "v1.6"]),
        (["a", "b/a"], ["a", "b/a"]),
    ],
)
def test_names_are_the_shortest_ends_that_tell_models_apart(models: list[object], names: list[str]) -> None:
    assert _names(models) == names
