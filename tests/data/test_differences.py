from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest
from support.datasets import dataset
from support.scenes import save, scene

from yolo_tl.data.differences import Change, diff
from yolo_tl.errors import DataNotFound

ROWS = ["0 0.5 0.5 0.4 0.4", "1 0.2 0.2 0.1 0.1"]


@pytest.fixture
def a(tmp_path: Path) -> Path:
    images = {f"train/{i}.png": (scene(i, 64, 48), ROWS) for i in range(4)}
    images |= {"val/v.png": (scene(9, 64, 48), ROWS[:1]), "val/empty.png": (scene(8, 64, 48), [])}
    return dataset(tmp_path / "a", images)


@pytest.fixture
def b(a: Path, tmp_path: Path) -> Path:
    shutil.copytree(a, tmp_path / "b")
    return tmp_path / "b"


def label(folder: Path, *rows: str, name: str = "train/1") -> None:
    (folder / "labels" / f"{name}.txt").write_text("".join(f"{row}\n" for row in rows))


def test_a_copy_is_the_same(a: Path, b: Path) -> None:
    (b / "labels/val/empty.txt").unlink()
    label(b, *ROWS[::-1])
    save(b / "images/train/2.bmp", cv2.imread(str(b / "images/train/2.png")))
    (b / "images/train/2.png").unlink()
    found = diff(a, b)
    assert found.counts == {"images renamed": 1}  # the suffix
    (b / "images/train/2.bmp").unlink()
    shutil.copy(a / "images/train/2.png", b / "images/train/2.png")
    found = diff(a, b)
    assert found.same
    assert (found.images, found.objects) == ((6, 6), (9, 9))
    assert found.to_json()["changes"] == []


def test_images_added_removed_moved_renamed_and_repainted(a: Path, b: Path) -> None:
    save(b / "images/train/new.png", scene(50, 64, 48))
    label(b, ROWS[0], name="train/new")
    (b / "images/train/0.png").unlink()
    for kind, suffix in (("images", "png"), ("labels", "txt")):
        shutil.move(b / kind / "train" / f"1.{suffix}", b / kind / "val" / f"1.{suffix}")
        shutil.move(b / kind / "train" / f"2.{suffix}", b / kind / "train" / f"two.{suffix}")
    save(b / "images/train/3.png", scene(51, 64, 48))
    found = diff(a, b)
    assert found.counts == {
        "images added": 1,
        "images removed": 1,
        "images moved": 1,
        "images renamed": 1,
        "images repainted": 1,
        "objects added": 1,
        "objects removed": 2,
    }
    assert Change("images moved", "1.png", "train → val") in found.changes
    assert Change("images renamed", "two.png", "2.png → two.png") in found.changes
    assert Change("images added", "new.png", "train, 1 objects") in found.changes
    back = diff(b, a)
    assert back.counts["images added"] == back.counts["images removed"] == 1
    assert back.counts["objects added"] == 2


def test_objects_added_removed_changed_and_relabelled(a: Path, b: Path) -> None:
    label(b, "0 0.5 0.5 0.42 0.4", "0 0.2 0.2 0.1 0.1")
    label(b, ROWS[0], ROWS[1], ROWS[1], name="train/2")
    label(b, ROWS[1], name="train/3")
    found = diff(a, b)
    assert [(c.kind, c.image, c.detail) for c in found.changes] == [
        ("objects added", "2.png", "dog 0.1500 0.1500 0.2500 0.2500"),
        ("objects removed", "3.png", "cat 0.3000 0.3000 0.7000 0.7000"),
        ("objects changed", "1.png", "cat 0.3000 0.3000 0.7000 0.7000 → cat 0.2900 0.3000 0.7100 0.7000"),
        ("objects relabelled", "1.png", "dog 0.1500 0.1500 0.2500 0.2500 → cat 0.1500 0.1500 0.2500 0.2500"),
    ]


def test_each_object_is_in_one_change(a: Path, b: Path) -> None:
    label(a, *[f"0 0.5 0.5 0.4 {0.4 + k / 100}" for k in range(3)])
    label(b, *[f"0 0.5 0.5 {0.41 + k / 100} 0.4" for k in range(2)])
    assert diff(a, b).counts == {"objects removed": 1, "objects changed": 2}


def test_tiny_boxes_overlap_too(a: Path, b: Path) -> None:
    label(a, "0 0.5 0.5 0.0002 0.0002")
    label(b, "0 0.5 0.5 0.0002 0.00021")
    assert diff(a, b).counts == {"objects changed": 1}


def test_classes(a: Path, b: Path) -> None:
    text = (b / "data.yaml").read_text()
    (b / "data.yaml").write_text(text.replace("0: cat", "0: dog").replace("1: dog", "1: cat"))
    found = diff(a, b)
    assert Change("classes reordered", "", "cat, dog → dog, cat") in found.changes
    (b / "data.yaml").write_text(text.replace("1: dog", "1: cow"))
    found = diff(a, b)
    assert found.counts == {"objects relabelled": 4, "classes added": 1, "classes removed": 1}


def test_equal_images_pair_up_by_their_place(tmp_path: Path) -> None:
    same = scene(1, 64, 48)
    images = {f"{part}/{name}.png": (same, [ROWS[i % 2]]) for i, part in enumerate(("train", "val")) for name in "xy"}
    a = dataset(tmp_path / "a", images)
    shutil.copytree(a, tmp_path / "b")
    assert diff(a, tmp_path / "b").same
    (tmp_path / "b/images/val/y.png").unlink()
    assert diff(a, tmp_path / "b").counts == {"images removed": 1, "objects removed": 1}


def test_polygons_and_keypoints_are_compared_point_by_point(tmp_path: Path) -> None:
    ring = "0 0.1 0.1 0.9 0.1 0.5 0.9"
    a = dataset(tmp_path / "a", {"train/x.png": (scene(1, 64, 48), [ring])})
    b = dataset(tmp_path / "b", {"train/x.png": (scene(1, 64, 48), ["0 0.1 0.1 0.9 0.1 0.4 0.9"])})
    assert diff(a, b).counts == {"objects changed": 1}


def test_broken_and_missing_images_do_not_stop_it(a: Path, b: Path) -> None:
    for folder in (a, b):
        (folder / "images/train/0.png").write_bytes(b"no image")
        (folder / "images/train/1.png").unlink()
        (folder / "images/train/1.png").symlink_to(folder / "nowhere.png")
    (b / "images/train/2.png").write_bytes(b"broken")
    assert diff(a, b).counts == {"images repainted": 1}
    with pytest.raises(DataNotFound):
        diff(a, a / "none")
