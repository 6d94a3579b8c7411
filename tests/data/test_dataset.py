from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yolo_tl.data import read_dataset
from yolo_tl.errors import DataError, DataNotFound, ParseError

Make = Callable[..., Any]
YAML = "train: images/train\nval: images/val\nnames: [cat, dog]\n"


@pytest.fixture
def folder(tmp_path: Path, picture: Make) -> Path:
    for i, name in enumerate(["train/a", "train/b", "train/c", "val/d"]):
        picture(tmp_path / "images" / f"{name}.jpg", 100 + i, 50)
        label = tmp_path / "labels" / f"{name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("1 0.5 0.4 0.2 0.3\n0 0.1 0.1 0.1 0.1\n" if name.endswith("a") else "")
    (tmp_path / "labels" / "train" / "c.txt").unlink()
    (tmp_path / "data.yaml").write_text(YAML)
    return tmp_path


def test_the_facts(folder: Path) -> None:
    for path in (folder, folder / "data.yaml"):
        dataset = read_dataset(path)
        assert (dataset.names, dataset.root, list(dataset.splits)) == (("cat", "dog"), folder, ["train", "val"])
    train = dataset.split("train")
    assert [path.stem for path in train.images] == ["a", "b", "c"]
    assert (len(train), train.instances, train.backgrounds) == (3, (1, 1), 2)
    np.testing.assert_allclose(train.boxes, [[0.5, 0.4, 0.2, 0.3], [0.1, 0.1, 0.1, 0.1]])
    np.testing.assert_allclose(train.box_sizes, [[0.2, 0.3], [0.1, 0.1]])
    assert train.image_index.tolist() == [0, 0]
    assert train.image_sizes.tolist() == [[100, 50], [101, 50], [102, 50]]
    val = dataset.split("val")
    assert (val.instances, val.backgrounds, val.boxes.shape) == ((0, 0), 1, (0, 4))
    with pytest.raises(DataNotFound, match="has no split 'test', only train, val"):
        dataset.split("test")


@pytest.mark.parametrize(
    ("yaml", "images"),
    [
        ("path: images\ntrain: train\nval: val\nnames: {0: cat, 1: dog}\n", 3),
        ("train: [images/train, images/val]\nval: images/val\nnames: {'0': cat, '1': dog}\n", 4),
        ("train: lists/list.txt\nval: images/val\nnc: 2\n", 2),
        ("train: ../images/train\nvalidation: ../images/val\nnames: [cat, dog]\nnc: 2\n", 3),
        ("train: images\nval: images/val\ntest:\nnames: [cat, dog]\n", 4),
    ],
)
def test_ways_of_naming_images(yaml: str, images: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (folder / "lists").mkdir()
    (folder / "lists" / "list.txt").write_text("./../images/train/a.jpg\nimages/val/d.jpg\n\n./labels/train/a.txt\n")
    (folder / "data.yaml").write_text(yaml)
    dataset = read_dataset(folder)
    assert len(dataset.split("train")) == images
    assert dataset.split("train").instances == (1, 1)
    assert list(dataset.splits) == ["train", "val"]


def test_an_absolute_path(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("elsewhere") / "some.yaml"
    other.write_text(f"path: {folder.as_posix()}\n{YAML}")
    assert len(read_dataset(other).split("train")) == 3


@pytest.mark.parametrize(
    ("yaml", "error", "message"),
    [
        ("names: [cat\ntrain: a\n", ParseError, r"data\.yaml:2: malformed YAML"),
        ("- a\n", ParseError, "expected keys such as names"),
        ("", ParseError, "expected keys such as names"),
        ("train: images/train\n", ParseError, r"\(names\): expected a list or a map of class names, found None"),
        ("train: images/train\nnames: []\n", ParseError, r"\(names\)"),
        ("train: images/train\nnames: {1: a, 2: b}\n", ParseError, r"expected the keys 0 to 1, found \[1, 2\]"),
        ("train: images/train\nnames: {a: 0}\n", ParseError, "expected the keys 0 to 0"),
        ("train: images/train\nnames: [a, b]\nnc: 3\n", ParseError, "nc is 3, but there are 2 names"),
        ("names: [a]\n", ParseError, "expected train, val or test"),
        ("train: 3\nnames: [a]\n", ParseError, r"\(train\): expected a path"),
        ("train: images/none\nnames: [a]\n", DataNotFound, r"\(train\): expected images at .*images/none"),
        ("train: labels\nnames: [a]\n", DataNotFound, r"\(train\): no images in labels"),
    ],
)
def test_a_bad_yaml_is_named(yaml: str, error: type[Exception], message: str, folder: Path) -> None:
    (folder / "data.yaml").write_text(yaml)
    with pytest.raises(error, match=message):
        read_dataset(folder)


def test_no_yaml_or_several(folder: Path) -> None:
    with pytest.raises(DataNotFound, match="no such file"):
        read_dataset(folder / "nowhere.yaml")
    (folder / "data.yaml").rename(folder / "a.yaml")
    assert len(read_dataset(folder).splits) == 2
    (folder / "b.yaml").write_text(YAML)
    with pytest.raises(DataNotFound, match=r"expected one data\.yaml in the folder, found a\.yaml, b\.yaml"):
        read_dataset(folder)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2 0.5 0.5 0.1 0.1", "expected a class from 0 to 1, found 2"),
        ("-1 0.5 0.5 0.1 0.1", "expected a class from 0 to 1"),
        ("0 1.02 0.5 0.1 0.1", "expected shares from 0 to 1, found 1.02"),
        ("0 0.5 -0.02 0.1 0.1", "found -0.02"),
        ("0 0.5 0.5 -0.005 0.1", "width and height of 0 or more"),
        ("0 0.5 0.5 nan 0.1", "found nan"),
        ("0 0.5 0.5 0.1 0.1 0.9", "found 6 columns"),
        ("0 0.5 0.5 0.1", "found 4 columns"),
        ("cat 0.5 0.5 0.1 0.1", "expected numbers"),
        ("0 0.1 0.1 0.2 0.1 0.2 1.2", "found 1.2"),
    ],
)
def test_bad_rows_are_named(row: str, message: str, folder: Path) -> None:
    (folder / "labels" / "train" / "b.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{row}\n")
    with pytest.raises(DataError) as caught:
        read_dataset(folder)
    assert "1 bad label rows" in caught.value.message
    assert "b.txt:2:" in caught.value.message
    assert message in caught.value.message


def test_many_bad_rows_are_counted_and_ten_shown(folder: Path) -> None:
    (folder / "labels" / "train" / "b.txt").write_text("9 0.5 0.5 0.1 0.1\n" * 25)
    with pytest.raises(DataError) as caught:
        read_dataset(folder)
    assert "25 bad label rows" in caught.value.message
    assert caught.value.message.count("b.txt:") == 10
    assert "... and 15 more" in caught.value.message


def test_polygons_are_read_but_not_mixed(folder: Path) -> None:
    label = folder / "labels" / "train" / "b.txt"
    label.write_text("0 0.1 0.1 0.3 0.1 0.3 0.5\n")
    np.testing.assert_allclose(read_dataset(folder).split("train").boxes[-1], [0.2, 0.3, 0.2, 0.4])
    label.write_text("0 0.1 0.1 0.3 0.1 0.3 0.5\n0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DataError, match="found both in one file"):
        read_dataset(folder)
