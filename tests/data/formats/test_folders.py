from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture
from support.sources import SOURCES

from yolo_tl.data.formats import folders as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree

Make = Callable[..., Any]


def make(root: Path, *names: str) -> Path:
    for name in names:
        if name.endswith(".jpg"):
            picture(root / name)
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("x")
    return root


def events(source: Path) -> list[Event]:
    return list(module.read(Tree(source), ReadOptions(task="classify")))


def found(source: Path) -> dict[str, tuple[str | None, str | None]]:
    records = (event for event in events(source) if isinstance(event, ImageRecord))
    return {
        r.path.relative_to(source).as_posix(): (r.split, r.annotations[0].name if r.labelled else None) for r in records
    }


def test_classes_below_splits(tmp_path: Path) -> None:
    SOURCES["folders"](tmp_path)
    assert module.sniff(Tree(tmp_path)) == "5 images in folders of 2 classes and nothing else: cat, dog bowl"
    assert found(tmp_path) == {
        "train/cat/1.jpg": ("train", "cat"),
        "train/cat/2.jpg": ("train", "cat"),
        "train/dog bowl/1.jpg": ("train", "dog bowl"),
        "val/cat/3.jpg": ("val", "cat"),
        "val/dog bowl/4.jpg": ("val", "dog bowl"),
    }
    first, record = events(tmp_path)[:2]
    assert first == ClassOrder(("cat", "dog bowl"))
    assert isinstance(record, ImageRecord)
    assert record.annotations == (Annotation("cat", None, "folder cat"),)
    assert record.annotations[0].is_tag


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat/1.jpg", "dog/2.jpg"], {"cat/1.jpg": (None, "cat"), "dog/2.jpg": (None, "dog")}),
        (
            ["valid/cat/1.jpg", "valid/dog/2.jpg"],
            {"valid/cat/1.jpg": ("val", "cat"), "valid/dog/2.jpg": ("val", "dog")},
        ),
        (["pets/cat/1.jpg", "pets/dog/2.jpg"], {"pets/cat/1.jpg": (None, "cat"), "pets/dog/2.jpg": (None, "dog")}),
        (
            ["pets/test/cat/1.jpg", "pets/train/dog/2.jpg"],
            {"pets/test/cat/1.jpg": ("test", "cat"), "pets/train/dog/2.jpg": ("train", "dog")},
        ),
        (["cat/deep/1.jpg", "dog/2.jpg"], {"cat/deep/1.jpg": (None, "cat"), "dog/2.jpg": (None, "dog")}),
        (
            ["train/cat/a/1.jpg", "train/dog/2.jpg", "README.md", "train/cat/Thumbs.db"],
            {"train/cat/a/1.jpg": ("train", "cat"), "train/dog/2.jpg": ("train", "dog")},
        ),
        (
            ["cat/train/1.jpg", "dog/train/2.jpg"],
            {"cat/train/1.jpg": (None, "cat"), "dog/train/2.jpg": (None, "dog")},
        ),
    ],
)
def test_layouts(names: list[str], expected: dict[str, Any], tmp_path: Path) -> None:
    source = make(tmp_path, *names)
    assert module.sniff(Tree(source))
    assert found(source) == expected


@pytest.mark.parametrize(
    "names",
    [
        ["cat/1.jpg"],
        ["1.jpg", "2.jpg"],
        ["1.jpg", "cat/2.jpg", "dog/3.jpg"],
        ["images/1.jpg", "masks/2.jpg"],
        ["train/images/1.jpg", "val/images/2.jpg"],
        ["train/1.jpg", "val/2.jpg"],
        ["JPEGImages/1.jpg", "SegmentationClass/2.jpg"],
        ["image_2/1.jpg", "image_3/2.jpg"],
        ["obj_train_data/1.jpg", "cat/2.jpg"],
        ["part/1.jpg", "part/2.jpg", "outline/1.jpg", "outline/2.jpg"],
        *(
            ["cat/1.jpg", "dog/2.jpg", name]
            for name in ("a.txt", "cat/1.xml", "a.json", "a.csv", "data.yaml", "a.parquet")
        ),
    ],
)
def test_what_is_something_else(names: list[str], tmp_path: Path) -> None:
    assert module.sniff(Tree(make(tmp_path, *names))) is None


def test_an_image_in_no_folder_is_not_labelled(tmp_path: Path) -> None:
    source = make(tmp_path, "0.jpg", "cat/1.jpg", "dog/2.jpg")
    assert found(source)["0.jpg"] == (None, None)
    assert any(
        isinstance(e, Note) and "1 images are in no folder of a class, first: 0.jpg" in e.text for e in events(source)
    )


def test_images_of_one_name_keep_their_classes(tmp_path: Path) -> None:
    assert set(found(make(tmp_path, "cat/1.jpg", "dog/1.jpg", "dog/2.jpg")).values()) == {(None, "cat"), (None, "dog")}
