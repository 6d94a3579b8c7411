from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yolo_tl.data.formats import yolo as module
from yolo_tl.data.tree import Tree
from yolo_tl.errors import FormatError

Make = Callable[..., Any]


@pytest.fixture
def yolo(tmp_path: Path, picture: Make) -> Make:
    def make(rows: str | None, yaml: str = "train: images/train\nval: images/val\nnames: [cat, dog]\n") -> Path:
        for split in ("train", "val"):
            picture(tmp_path / "images" / split / f"{split}.jpg")
            (tmp_path / "labels" / split).mkdir(parents=True, exist_ok=True)
        if rows is not None:
            (tmp_path / "labels" / "train" / "train.txt").write_text(rows)
        (tmp_path / "data.yaml").write_text(yaml)
        return tmp_path

    return make


def test_boxes_splits_and_backgrounds(yolo: Make, ingest: Make, boxes: Make) -> None:
    source = yolo("1 0.5 0.5 0.2 0.4\n\n")
    assert module.sniff(Tree(source)) == "data.yaml with class names and splits"
    cleaned, ledger = ingest("yolo", source)
    assert cleaned.classes == ("cat", "dog")
    assert {r.path.stem: r.split for r in cleaned.records} == {"train": "train", "val": "val"}
    ((name, box),) = boxes(cleaned)["train.jpg"]
    assert name == "dog"
    assert box == pytest.approx((40, 15, 60, 35))
    assert any("1 images have no label file" in note for note in ledger.notes)


def test_bad_rows_go_alone(yolo: Make, ingest: Make) -> None:
    rows = [
        "0 0.5 0.5 0.2 0.4",
        "0 0.5 0.5 0.2",
        "2 0.5 0.5 0.2 0.4",
        "-1 0.5 0.5 0.2 0.4",
        "cat 0.5 0.5 0.2 0.4",
        "1 0.1 0.1 0.3 0.1 0.3 0.4",
        "0 0.5 nan 0.2 0.4",
        "0 0.5 0.5 0.2 0.4",
        "0 1.7 0.5 0.2 0.4",
        "0 0.95 0.5 0.2 0.4",
    ]
    cleaned, ledger = ingest("yolo", yolo("\n".join(rows)))
    train = next(r for r in cleaned.records if r.split == "train")
    assert [a.place for a in train.annotations] == ["line 1", "line 6", "line 10"]
    assert ledger.dropped.counts == {
        "malformed": 2,
        "class_out_of_range": 2,
        "not_finite": 1,
        "duplicate": 1,
        "outside": 1,
    }
    assert ledger.repaired.counts == {"box_from_polygon": 1, "clipped": 1}
    assert ledger.dropped.examples["class_out_of_range"][0]["place"] == "line 3"
    assert ledger.annotations_in == len(rows)


def test_six_digit_rows_are_not_reported_as_clipped(yolo: Make, ingest: Make) -> None:
    _, ledger = ingest("yolo", yolo("0 0.833334 0.5 0.333333 1.0"))
    assert not ledger.repaired.counts


def test_of_several_yaml_files_one_must_be_named(yolo: Make, ingest: Make) -> None:
    source = yolo("0 0.5 0.5 0.2 0.4")
    (source / "other.yaml").write_text("train: images/val\nnames: [cat]\n")
    with pytest.raises(FormatError, match=r"expected one data\.yaml, found data\.yaml, other\.yaml"):
        ingest("yolo", source)
    assert ingest("yolo", source / "other.yaml")[0].classes == ("cat",)


def test_labels_beside_images(tmp_path: Path, picture: Make, ingest: Make) -> None:
    picture(tmp_path / "set" / "a.jpg")
    (tmp_path / "set" / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "data.yaml").write_text("train: set\nval: set\nnames: {0: cat}\n")
    cleaned, ledger = ingest("yolo", tmp_path)
    assert [(r.split, len(r.annotations)) for r in cleaned.records] == [("train", 1), ("val", 1)]
    assert any("in more than one split" in note for note in ledger.notes)
