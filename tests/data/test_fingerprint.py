from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from yolo_tl.data import convert, read_dataset
from yolo_tl.data.fingerprint import fingerprint


@pytest.fixture
def folder(voc: Callable[..., Any], tmp_path: Path) -> Path:
    source = voc({name: [("cat", (1, 1, 9, 9))] for name in "abcdef"} | {"g": []})
    return convert(source, tmp_path / "out", link="copy").data.parent


def test_place_links_and_order_do_not_matter(folder: Path, tmp_path: Path) -> None:
    print_ = fingerprint(read_dataset(folder))
    assert len(print_) == 64
    shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    copy = read_dataset(tmp_path / "elsewhere" / "copy")
    assert fingerprint(copy) == print_
    train = copy.splits["train"]
    turned = replace(train, images=train.images[::-1], labels=train.labels[::-1])
    assert fingerprint(replace(copy, splits={"val": copy.splits["val"], "train": turned})) == print_


def _label(folder: Path) -> None:
    next(folder.glob("labels/train/*.txt")).write_text("0 0.5 0.5 0.5 0.5\n")


def _image(folder: Path) -> None:
    path = next(folder.glob("images/train/*.jpg"))
    path.write_bytes(path.read_bytes() + b"x")


def _name(folder: Path) -> None:
    path = folder / "data.yaml"
    path.write_text(path.read_text().replace("cat", "dog"))


def _move(folder: Path) -> None:
    image = next(folder.glob("images/train/*.jpg"))
    label = folder / "labels" / "train" / f"{image.stem}.txt"
    image.rename(folder / "images" / "val" / image.name)
    label.rename(folder / "labels" / "val" / label.name)


def _swap(folder: Path) -> None:
    path = folder / "data.yaml"
    path.write_text(path.read_text().replace("train:", "x:").replace("val:", "train:").replace("x:", "val:"))


@pytest.mark.parametrize("change", [_swap, _label, _image, _name, _move])
def test_any_change_shows(change: Callable[[Path], None], folder: Path) -> None:
    before = fingerprint(read_dataset(folder))
    change(folder)
    assert fingerprint(read_dataset(folder)) != before


def test_an_empty_label_file_is_a_missing_one(folder: Path) -> None:
    before = fingerprint(read_dataset(folder))
    next(folder.glob("labels/*/g.txt")).unlink()
    assert fingerprint(read_dataset(folder)) == before
