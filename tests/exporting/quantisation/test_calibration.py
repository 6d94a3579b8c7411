from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.edge.image import read_image
from yolo_tl.edge.network import NetworkInfo
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.errors import DataError, DataNotFound
from yolo_tl.exporting.gate import Sample
from yolo_tl.exporting.quantisation.calibration import (
    Calibration,
    choose_calibration,
    cover,
    features_of,
    tensors_of,
)

NAMES = ("cat", "dog")


def dataset(folder: Path, **splits: list[str]) -> Path:
    """Write a data set: of each split, the label rows of each image."""
    rng = np.random.default_rng(0)
    for split, labels in splits.items():
        (folder / "images" / split).mkdir(parents=True)
        (folder / "labels" / split).mkdir(parents=True)
        for i, rows in enumerate(labels):
            cv2.imwrite(str(folder / "images" / split / f"{i:02}.png"), rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            (folder / "labels" / split / f"{i:02}.txt").write_text(rows)
    lines = "".join(f"{split}: images/{split}\n" for split in splits)
    (folder / "data.yaml").write_text(f"{lines}names: [{', '.join(NAMES)}]\n")
    return folder


CAT, LARGE_CAT, DOG = "0 .5 .5 .1 .1\n", "0 .5 .5 .9 .9\n", "1 .5 .5 .3 .3\n"


def choose(data: Path, count: int = 4, seed: int = 0) -> Calibration:
    return choose_calibration(data, task="detect", names=NAMES, count=count, seed=seed)


@given(st.lists(st.frozensets(st.tuples(st.sampled_from("abcdefg")), min_size=1), max_size=30), st.integers(1, 40))
def test_every_feature_is_covered_where_there_is_room(features: list[frozenset[tuple[str]]], count: int) -> None:
    chosen = cover(features, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(features))
    if count >= len(known := frozenset().union(*features)):
        assert frozenset().union(*(features[i] for i in chosen)) == known


def test_what_is_rare_comes_first(tmp_path: Path) -> None:
    data = dataset(tmp_path, train=[CAT] * 20 + [DOG] + [LARGE_CAT] + [""], val=[CAT])
    for seed in range(5):
        rare = {"images/train/20.png", "images/train/21.png", "images/train/22.png"}
        assert rare < set(choose(data, seed=seed).images)


def test_sizes_are_thirds_of_all_boxes() -> None:
    boxes = [np.array([[0, 0, side, side]]) for side in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    features = features_of([Sample(Path(str(i)), ("cat",), box) for i, box in enumerate(boxes)])
    assert [sorted(size for *_, size in shown if isinstance(size, int)) for shown in features] == [
        [0], [0], [1], [1], [2], [2]
    ]  # fmt: skip
    assert features_of([Sample(Path("empty"), (), np.zeros((0, 4)))]) == [frozenset([("background",)])]
    assert features_of([Sample(Path("shown"), ("cat",))]) == [frozenset([("cat",)])]


def test_only_of_train_and_the_same_each_time_anywhere(tmp_path: Path) -> None:
    data = dataset(tmp_path / "a", train=[CAT, DOG] * 10, val=[CAT, DOG] * 10, test=[DOG] * 10)
    chosen = choose(data, 8)
    assert len(chosen.images) == 8
    assert all(image.startswith("images/train/") for image in chosen.images)
    assert all(path.is_file() for path in chosen.paths)
    elsewhere = shutil.copytree(data, tmp_path / "b")
    assert (choose(elsewhere, 8).digest, choose(elsewhere, 8).sha256) == (chosen.digest, chosen.sha256)
    assert choose(data, 8, seed=1).digest != chosen.digest
    assert choose(data, 99).images == tuple(f"images/train/{i:02}.png" for i in range(20))


def test_the_choice_is_the_same_in_every_process() -> None:
    """Sets of strings have another order in each."""
    script = """
import random
from yolo_tl.exporting.quantisation.calibration import cover
rng = random.Random(0)
print(cover([frozenset((name,) for name in rng.sample("abcdefghij", rng.randint(1, 9))) for _ in range(300)], 60))
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(said) == 1


def test_the_digest_is_of_content(tmp_path: Path) -> None:
    data = dataset(tmp_path, train=[CAT, DOG])
    before = choose(data)
    cv2.imwrite(str(tmp_path / "images" / "train" / "00.png"), np.zeros((8, 8, 3), np.uint8))
    after = choose(data)
    assert (after.digest != before.digest, after.images == before.images) == (True, True)


@pytest.mark.parametrize(
    ("splits", "error", "message"),
    [
        ({"val": [CAT, DOG]}, DataNotFound, "has no split 'train'"),
        ({"train": ["", ""], "val": [CAT, DOG]}, DataError, "expected labels in train"),
        ({"train": [CAT, LARGE_CAT], "val": [DOG]}, DataError, "images of 2 classes, found only 'cat' in train"),
    ],
    ids=["no train split", "nothing labelled", "one class"],
)
def test_refused(tmp_path: Path, splits: dict[str, list[str]], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        choose(dataset(tmp_path, **splits))


def test_an_empty_train_split_is_refused(tmp_path: Path) -> None:
    data = dataset(tmp_path, train=[], val=[CAT, DOG])
    with pytest.raises(DataError):
        choose(data)


def test_a_data_set_of_one_class_is_none_too_few(tmp_path: Path) -> None:
    data = dataset(tmp_path, train=[CAT, CAT, ""])
    assert len(choose_calibration(data, task="detect", names=["cat"], count=9, seed=0).images) == 3


def test_images_are_prepared_as_the_edge_does(calibration: Calibration) -> None:
    info = NetworkInfo("detect", NAMES, "raw", (64, 96))
    tensor = tensors_of(calibration.paths[:3], info)
    expected = [Preprocess()([read_image(path)], info)[0][0] for path in calibration.paths[:3]]
    np.testing.assert_array_equal(tensor, expected)
