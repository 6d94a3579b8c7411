"""Splits whose images were trained on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from yolo_tl.data.dataset import Dataset, Split
from yolo_tl.errors import DataError, DataNotFound, ImageError
from yolo_tl.evaluation.held_out import require_held_out, shared_with_train


def file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def dataset(folder: Path, **splits: list[Path]) -> Dataset:
    nothing = np.zeros(0, np.int64)
    made = {
        name: Split(name, tuple(images), tuple(images), nothing, np.zeros((0, 4)), nothing, 1)
        for name, images in splits.items()
    }
    return Dataset(folder / "data.yaml", folder, ("part",), made)


@pytest.fixture
def trained(tmp_path: Path) -> list[Path]:
    # All of one size, and alike at their start and end.
    return [file(tmp_path / f"train/{i}.bmp", bytes(20_000) + bytes([i]) + bytes(20_000)) for i in range(5)]


def test_copies_under_other_names_are_found(tmp_path: Path, trained: list[Path]) -> None:
    copies = [file(tmp_path / f"val/{i}_copy.bmp", path.read_bytes()) for i, path in enumerate(trained[:3])]
    with pytest.raises(DataError, match="found all 3 of them in train, too") as raised:
        require_held_out(dataset(tmp_path, train=trained, val=copies), "val")
    assert str(copies[0]) in raised.value.message
    assert raised.value.exit_code == 3


def test_the_same_files_and_links_to_them_are_found(tmp_path: Path, trained: list[Path]) -> None:
    with pytest.raises(DataError, match="found all 5"):
        require_held_out(dataset(tmp_path, train=trained, test=trained), "test")
    link = tmp_path / "val" / "link.bmp"
    link.parent.mkdir()
    os.symlink(trained[0], link)
    with pytest.raises(DataError, match="found all 1"):
        require_held_out(dataset(tmp_path, train=trained, val=[link]), "val")


def test_a_few_of_them_are_named_and_allowed(tmp_path: Path, trained: list[Path]) -> None:
    copy = file(tmp_path / "val/a.bmp", trained[4].read_bytes())
    # Different in a byte that lies in none of the pieces looked at first.
    almost = bytearray(trained[0].read_bytes())
    almost[10_000] = 1
    fresh = [file(tmp_path / "val/b.bmp", bytes(almost)), file(tmp_path / "val/c.bmp", b"short")]
    found = dataset(tmp_path, train=trained, val=[fresh[0], copy, fresh[1]])
    assert require_held_out(found, "val") == (copy,)


def test_train_itself_and_a_set_without_train_are_allowed(tmp_path: Path, trained: list[Path]) -> None:
    assert shared_with_train(dataset(tmp_path, train=trained), "train") == ()
    assert shared_with_train(dataset(tmp_path, val=trained), "val") == ()


def test_what_is_not_there_is_named(tmp_path: Path, trained: list[Path]) -> None:
    with pytest.raises(DataNotFound, match="no split 'test'"):
        require_held_out(dataset(tmp_path, train=trained), "test")
    with pytest.raises(ImageError, match=r"gone\.bmp"):
        shared_with_train(dataset(tmp_path, train=trained, val=[tmp_path / "gone.bmp"]), "val")
