from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.datasets import dataset
from support.scenes import save, scene

from yolo_tl.data import read_dataset
from yolo_tl.data.fingerprint import file_fingerprint, fingerprint
from yolo_tl.data.yolo.labelled import read_labelled
from yolo_tl.errors import ImageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = {f"train/{i}.png": (scene(i, 64, 48), ["0 0.5 0.5 0.2 0.2", "1 0.25 0.25 0.1 0.1"]) for i in range(4)}
    images |= {"val/v.png": (scene(9, 64, 48), ["1 0.5 0.5 0.2 0.2"]), "train/empty.png": (scene(8, 64, 48), [])}
    return dataset(tmp_path / "data", images)


def of(folder: Path) -> str:
    return fingerprint(read_dataset(folder))


def test_place_links_and_times_do_not_matter(folder: Path, tmp_path: Path) -> None:
    assert len(of(folder)) == 64
    shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    image = tmp_path / "elsewhere/copy/images/train/1.png"
    image.unlink()
    image.symlink_to(folder / "images/train/1.png")
    assert of(tmp_path / "elsewhere" / "copy") == of(folder)
    assert fingerprint(read_labelled(folder)) == of(folder) == fingerprint(read_dataset(folder), workers=1)


def _rename(folder: Path) -> None:
    (folder / "images/train/1.png").rename(folder / "images/train/zebra.png")
    (folder / "labels/train/1.txt").rename(folder / "labels/train/zebra.txt")


def _bmp(folder: Path) -> None:
    save(folder / "images/train/1.bmp", cv2.imread(str(folder / "images/train/1.png")))
    (folder / "images/train/1.png").unlink()


def _end(folder: Path) -> None:
    path = folder / "images/train/1.png"
    path.write_bytes(path.read_bytes() + b"x")


def _rows(folder: Path) -> None:
    path = folder / "labels/train/1.txt"
    path.write_text("\n".join(reversed(path.read_text().splitlines())) + "\n\n")


def _digits(folder: Path) -> None:
    path = folder / "labels/val/v.txt"
    path.write_text("1 5e-1 0.50000001 0.2 0.2\n")


def _no_file(folder: Path) -> None:
    (folder / "labels/train/empty.txt").unlink()


def _turned(folder: Path) -> None:
    """The same upright image, stored turned and marked so by EXIF."""
    pixels = cv2.imread(str(folder / "images/train/1.png"))
    _, content = cv2.imencodeWithMetadata(
        ".png",
        np.ascontiguousarray(np.rot90(pixels)),
        [cv2.IMAGE_METADATA_EXIF],
        [
            np.frombuffer(
                b"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00" + bytes(4), np.uint8
            )
        ],
    )
    (folder / "images/train/1.png").write_bytes(content.tobytes())


@pytest.mark.parametrize("change", [_rename, _bmp, _end, _rows, _digits, _no_file, _turned])
def test_what_does_not_change_the_data_does_not_show(change: Callable[[Path], None], folder: Path) -> None:
    before = of(folder)
    change(folder)
    assert of(folder) == before


def _label(folder: Path) -> None:
    (folder / "labels/train/1.txt").write_text("0 0.5 0.5 0.5 0.5\n")


def _class(folder: Path) -> None:
    path = folder / "labels/val/v.txt"
    path.write_text("0" + path.read_text()[1:])


def _twice(folder: Path) -> None:
    path = folder / "labels/val/v.txt"
    path.write_text(path.read_text() * 2)


def _pixel(folder: Path) -> None:
    pixels = cv2.imread(str(folder / "images/train/1.png"))
    pixels[3, 4, 1] ^= 1
    save(folder / "images/train/1.png", pixels)


def _name(folder: Path) -> None:
    path = folder / "data.yaml"
    path.write_text(path.read_text().replace("cat", "cow"))


def _move(folder: Path) -> None:
    for kind, suffix in (("images", "png"), ("labels", "txt")):
        (folder / kind / "train" / f"1.{suffix}").rename(folder / kind / "val" / f"1.{suffix}")


def _swap(folder: Path) -> None:
    path = folder / "data.yaml"
    path.write_text(path.read_text().replace("train:", "x:").replace("val:", "train:").replace("x:", "val:"))


def _shape(folder: Path) -> None:
    """The same bytes in rows of another length."""
    pixels = cv2.imread(str(folder / "images/train/1.png"))
    save(folder / "images/train/1.png", pixels.reshape(64, 48, 3))


@pytest.mark.parametrize("change", [_swap, _label, _class, _twice, _pixel, _name, _move, _shape])
def test_any_change_of_the_data_shows(change: Callable[[Path], None], folder: Path) -> None:
    before, files = of(folder), file_fingerprint(read_dataset(folder))
    change(folder)
    assert of(folder) != before
    assert file_fingerprint(read_dataset(folder)) != files


def test_files_as_they_are(folder: Path) -> None:
    before = file_fingerprint(read_dataset(folder))
    assert before != of(folder)
    _rename(folder)
    assert file_fingerprint(read_dataset(folder)) == before
    path = folder / "images/train/zebra.png"
    path.write_bytes(path.read_bytes() + b"x")
    assert file_fingerprint(read_dataset(folder)) != before


def test_a_broken_image_is_named(folder: Path) -> None:
    (folder / "images/train/1.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"1\.png"):
        of(folder)
    (folder / "images/train/1.png").unlink()
    (folder / "images/train/1.png").symlink_to(folder / "nowhere.png")
    with pytest.raises(ImageError, match=r"1\.png"):
        file_fingerprint(read_labelled(folder))


def test_rows_of_other_tasks_and_odd_rows(tmp_path: Path) -> None:
    rows = ["0 0.1 0.1 0.9 0.1 0.5 0.9", "7 0.5 0.5 0.1 0.1", "nan nan", "0 1e999 -0.0000001 0 0", "text"]
    data = dataset(tmp_path / "data", {"train/a.png": (scene(1, 32, 32), rows)})
    before = fingerprint(read_labelled(data))
    (data / "labels/train/a.txt").write_text("\n".join(rows[::-1]))
    assert fingerprint(read_labelled(data)) == before
