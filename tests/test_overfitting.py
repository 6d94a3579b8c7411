from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.datasets import dataset
from support.scenes import scene

from yolo_tl import api
from yolo_tl.boxes import Detections
from yolo_tl.data.dataset import Split
from yolo_tl.errors import ConfigError, DataError
from yolo_tl.evaluation import ImageResult, match
from yolo_tl.overfitting import LEARNT, STEPS, OverfitReport, _causes, _claims, choose

TINY = {"imgsz": 96, "threads": 1, "device": "cpu", "precision": "fp32"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def known(learned: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, OverfitReport]:
    """Images whose labels are right, the weights of a network that has seen such shapes, and what became of it."""
    data, weights = learned
    out = tmp_path_factory.mktemp("known")
    before = contents(data)
    report = api.overfit_check(data, str(weights), overrides=TINY, out=out)
    assert contents(data) == before
    return data, out, report


@pytest.mark.slow
def test_right_labels_are_learnt_and_found_elsewhere(known: tuple[Path, Path, OverfitReport]) -> None:
    data, out, report = known
    assert report.learnt
    assert report.map50 >= LEARNT
    assert 0 < report.steps < STEPS  # ended as soon as it was learnt
    assert len(set(report.images)) == 4
    assert all(Path(image).parent == data / "images" / "train" for image in report.images)
    rows = [(data / "labels/train" / Path(image).with_suffix(".txt").name).read_text() for image in report.images]
    assert report.boxes == sum(len(text.splitlines()) for text in rows)
    assert report.uncovered == report.missed == ()
    assert report.passed
    assert report.elsewhere is not None
    assert report.elsewhere > 0.5
    assert report.picture is None
    assert list(out.iterdir()) == []


@pytest.fixture(scope="module")
def shuffled(learned: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> OverfitReport:
    """The same images, each with the labels of another, turned upside down; classes drawn by lot."""
    data, weights = learned
    rng = np.random.default_rng(0)
    labels = sorted((data / "labels/train").glob("*.txt"))
    texts = [label.read_text() for label in labels]
    images = {}
    for i, label in enumerate(labels):
        rows = [row.split() for row in texts[(i + 1) % len(texts)].splitlines()]
        wrong = [f"{rng.integers(3)} {1 - float(x)} {1 - float(y)} {w} {h}" for _, x, y, w, h in rows]
        images[f"train/{label.stem}.png"] = cv2.imread(str(data / "images/train" / f"{label.stem}.jpg")), wrong
    folder = dataset(tmp_path_factory.mktemp("shuffled") / "data", images, ("disc", "square", "triangle"))
    return api.overfit_check(folder, str(weights), overrides=TINY)


@pytest.mark.slow
def test_labels_of_other_images_are_true_of_no_other(shuffled: OverfitReport) -> None:
    assert not shuffled.passed
    assert shuffled.learnt == (shuffled.elsewhere is not None) == (not shuffled.missed)
    assert shuffled.to_json()["passed"] is False


@pytest.fixture(scope="module")
def contradiction(learned: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Two copies of each of two images, in which the same object is of another class."""
    data, weights = learned
    labels = [path for path in sorted((data / "labels/train").glob("*.txt")) if path.read_text()][:2]
    images = {}
    for i, label in enumerate(labels):
        picture = cv2.imread(str(data / "images/train" / f"{label.stem}.jpg"))
        for turn in range(2):
            rows = [f"{(int(row[0]) + turn) % 3}{row[1:]}" for row in label.read_text().splitlines()]
            images[f"train/{i}-{turn}.png"] = picture, rows
    folder = dataset(tmp_path_factory.mktemp("contradiction") / "data", images, ("disc", "square", "triangle"))
    return folder, str(weights)


@pytest.mark.slow
def test_contradictory_labels_are_not_learnt_and_said_to_be(contradiction: tuple[Path, str], tmp_path: Path) -> None:
    folder, weights = contradiction
    report = api.overfit_check(folder, weights, overrides=TINY, steps=40, out=tmp_path)
    assert not report.learnt
    assert not report.passed
    assert report.steps == 40
    assert report.map50 < LEARNT
    assert "labels.conflict" in {finding.id for finding in report.findings}
    assert report.missed
    assert any("found as" in missed.cause for missed in report.missed)
    assert report.picture is not None
    height, width = cv2.imread(str(report.picture)).shape[:2]
    assert width > 1.8 * height  # truth beside prediction
    plain = report.to_json()
    assert plain["missed"][0]["cause"] == report.missed[0].cause
    assert plain["picture"] == str(report.picture)


@pytest.mark.parametrize("asked", [{"images": 0}, {"steps": 0}])
def test_nothing_to_do_is_refused(sample: Path, asked: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="one image and step or more"):
        api.overfit_check(sample, "yolo26n.yaml", **asked)


def test_images_without_labels_cannot_be_checked(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "data", {"train/a.png": (scene(0), []), "val/b.png": (scene(1), ["0 .5 .5 .2 .2"])})
    with pytest.raises(DataError, match="expected a labelled object in train"):
        api.overfit_check(folder, "yolo26n.yaml")


def split(owners: list[int], classes: list[int], count: int, class_count: int) -> Split:
    files = tuple(Path(f"{i}.png") for i in range(count))
    boxes = np.tile([0.5, 0.5, 0.2, 0.2], (len(owners), 1))
    return Split("train", files, files, np.array(classes, np.int64), boxes, np.array(owners, np.int64), class_count)


@given(
    objects=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=30),
    count=st.integers(1, 12),
)
def test_chosen_images_show_every_class_where_enough_are_asked_for(objects: list[tuple[int, int]], count: int) -> None:
    pool = split([i for i, _ in objects], [c for _, c in objects], 10, 4)
    chosen = choose(pool, count)
    labelled = {i for i, _ in objects}
    assert len(chosen) == len(set(chosen)) == min(count, len(labelled))
    assert set(chosen) <= labelled
    if count >= 4:
        assert {c for i, c in objects if i in chosen} == {c for _, c in objects}
    assert choose(pool, count) == chosen


def test_rare_classes_are_chosen_first() -> None:
    # Image 0 shows two common classes, 1 the rare one, 2 a common one many times.
    pool = split([0, 0, 1, 2, 2, 2, 2], [0, 1, 2, 0, 0, 1, 1], 3, 3)
    assert choose(pool, 1) == [1]
    assert choose(pool, 2) == [1, 2]


boxes = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 6), st.integers(1, 6), st.integers(0, 1)), max_size=8
)


@given(truth=boxes, found=boxes, seed=st.integers(0, 99))
def test_claims_are_those_that_the_metrics_count(truth: list[tuple[int, ...]], found: list[tuple[int, ...]], seed: int):
    def corners(items: list[tuple[int, ...]]) -> np.ndarray:
        return np.array([[x, y, x + w, y + h] for x, y, w, h, _ in items], np.float32).reshape(-1, 4)

    confidence = np.random.default_rng(seed).permutation(len(found)).astype(np.float32) / 10
    detections = Detections(corners(found), confidence, np.array([item[4] for item in found], np.int64))
    result = ImageResult("a", detections, corners(truth), np.array([item[4] for item in truth], np.int64))
    learnt, used = _claims(result)
    np.testing.assert_array_equal(used, match(result)[:, 0])
    assert learnt.sum() == used.sum()


def test_causes() -> None:
    picture = scene(3, 400, 200)
    picture[150:190, 300:340] = 128
    truth = [
        (0, 0, 5, 40),
        (50, 50, 90, 90),
        (51, 50, 91, 90),
        (300, 150, 340, 190),
        (200, 20, 240, 60),
        (260, 20, 290, 60),
    ]
    found = Detections(np.float32([[200, 20, 240, 58]]), np.float32([0.9]), np.int64([1]))
    result = ImageResult("a", found, np.float32(truth), np.int64([0, 0, 1, 0, 0, 0]))
    causes = _causes(result, picture, imgsz=320, names=("cat", "dog"))
    for cause, expected in zip(
        causes,
        (
            "4.0 px at imgsz 320, under 8",
            "on a box of 'dog', IoU 0.95",
            "on a box of 'cat', IoU 0.95",
            "single shade",
            "found as 'dog', 0.90",
            "nothing was found there",
        ),
        strict=True,
    ):
        assert expected in cause
    nothing = ImageResult("a", Detections.empty(), result.truth_xyxy, result.truth_class)
    assert "nothing was found there" in _causes(nothing, picture, imgsz=320, names=("cat", "dog"))[4]
