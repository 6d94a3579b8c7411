from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yolo_tl.data.formats import coco as module
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

Make = Callable[..., Any]


def document(annotations: list[dict[str, Any]], **other: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}],
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
        "annotations": annotations,
        **other,
    }


@pytest.fixture
def coco(tmp_path: Path, picture: Make) -> Make:
    def make(content: Any, name: str = "annotations/instances.json") -> Path:
        picture(tmp_path / "images" / "a.jpg")
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path

    return make


def test_boxes_and_class_order_by_id(coco: Make, ingest: Make, boxes: Make) -> None:
    source = coco(document([{"id": 5, "image_id": 1, "category_id": 7, "bbox": [1.5, 2, 30, 40]}]))
    assert "1 JSON files" in str(module.sniff(Tree(source)))
    cleaned, ledger = ingest("coco", source)
    assert cleaned.classes == ("cat", "dog")
    assert boxes(cleaned) == {"a.jpg": [("dog", (1.5, 2.0, 31.5, 42.0))]}
    assert ledger.annotations_in == 1


@pytest.mark.parametrize("ids", [(0, 1), (9, 10), ("1", "2"), (1.0, 90.0), ("a", "b")])
def test_ids_of_any_kind(ids: tuple[Any, Any], coco: Make, ingest: Make) -> None:
    content = document(
        [
            {"id": i, "image_id": ids[0], "category_id": category, "bbox": [1, 1, 5 + i, 5]}
            for i, category in enumerate(ids)
        ],
        images=[{"id": ids[0], "file_name": "a.jpg"}],
        categories=[{"id": ids[1], "name": "second"}, {"id": ids[0], "name": "first"}],
    )
    cleaned, _ = ingest("coco", coco(content))
    assert cleaned.classes == ("first", "second")
    assert [a.name for a in cleaned.records[0].annotations] == ["first", "second"]


def test_one_id_in_several_spellings(coco: Make, ingest: Make) -> None:
    content = document(
        [{"id": 1, "image_id": "1", "category_id": 3.0, "bbox": [1, 1, 5, 5]}],
        images=[{"id": 1.0, "file_name": "a.jpg"}],
    )
    assert len(ingest("coco", coco(content))[0].records[0].annotations) == 1


def test_everything_that_is_no_box_has_its_reason(coco: Make, ingest: Make, boxes: Make) -> None:
    at = {"image_id": 1, "category_id": 3}
    source = coco(
        document(
            [
                {"id": 1, **at, "bbox": [1, 1, 5, 5], "iscrowd": 1},
                {"id": 2, **at},
                {"id": 3, **at, "bbox": []},
                {"id": 4, **at, "bbox": ["x", 1, 2, 3]},
                {"id": 5, "image_id": 99, "category_id": 3, "bbox": [1, 1, 5, 5]},
                {"id": 6, "image_id": 1, "category_id": 55, "bbox": [1, 1, 5, 5]},
                {"id": 7, **at, "bbox": [float("nan"), 1, 5, 5]},
                {"id": 8, **at, "segmentation": [[1, 2, 9, 2, 9, 8], [20, 20, 30, 20, 30, 40]]},
                {"id": 9, **at, "bbox": [1, 1, 0, 5]},
                {**at, "bbox": [1, 1, 5]},
            ]
        )
    )
    cleaned, ledger = ingest("coco", source)
    assert ledger.dropped.counts == {
        "crowd": 1,
        "no_box": 4,
        "unknown_image": 1,
        "unknown_category": 1,
        "not_finite": 1,
        "zero_area": 1,
    }
    example = ledger.dropped.examples["unknown_category"][0]
    assert example == {
        "file": "annotations/instances.json",
        "place": "annotation 6",
        "detail": "category_id 55 is not in categories",
    }
    assert boxes(cleaned)["a.jpg"] == [("cat", (1, 2, 30, 40))]
    assert ledger.repaired.counts == {"box_from_polygon": 1}
    assert ledger.annotations_in == 10
    kept = ingest("coco", source, crowd="keep")[1]
    assert "crowd" not in kept.dropped.counts


def test_one_json_a_split(tmp_path: Path, picture: Make, coco: Make, ingest: Make) -> None:
    entry = {"id": 1, "image_id": 1, "category_id": 3}
    for split, width in (("train", 10), ("val", 20)):
        picture(tmp_path / f"{split}2017" / "x.jpg")
        content = document([{**entry, "bbox": [1, 1, width, 5]}], images=[{"id": 1, "file_name": "x.jpg"}])
        coco(content, f"annotations/instances_{split}2017.json")
    cleaned, _ = ingest("coco", tmp_path)
    assert [(r.split, r.path.parent.name, r.annotations[0].box[2]) for r in cleaned.records] == [
        ("train", "train2017", 11),
        ("val", "val2017", 21),
    ]


def test_roboflow_folders_and_their_dummy_category(tmp_path: Path, picture: Make, coco: Make, ingest: Make) -> None:
    for folder in ("train", "valid"):
        picture(tmp_path / folder / "x.jpg")
        content = document(
            [{"id": 0, "image_id": 0, "category_id": 1, "bbox": [1, 1, 5, 5]}],
            images=[{"id": 0, "file_name": "x.jpg"}],
            categories=[
                {"id": 0, "name": "cells", "supercategory": "none"},
                {"id": 1, "name": "red", "supercategory": "cells"},
            ],
        )
        coco(content, f"{folder}/_annotations.coco.json")
    cleaned, ledger = ingest("coco", tmp_path)
    assert [(r.split, r.path.parent.name) for r in cleaned.records] == [("train", "train"), ("val", "valid")]
    assert cleaned.classes == ("red",)
    assert any("parent of the rest" in note for note in ledger.notes)


@pytest.mark.parametrize("name", ["images/a.jpg", "images\\a.jpg", "/data/images/a.jpg", "http://host/images/a.jpg"])
def test_file_names_with_folders(name: str, coco: Make, ingest: Make) -> None:
    cleaned, _ = ingest("coco", coco(document([], images=[{"id": 1, "file_name": name, "width": 0, "height": 0}])))
    assert cleaned.records[0].path.name == "a.jpg"
    assert cleaned.records[0].size == (100, 50)


def test_lvis_has_only_the_address(coco: Make, ingest: Make) -> None:
    content = document([], images=[{"id": 1, "coco_url": "http://images.host/val/a.jpg"}])
    assert len(ingest("coco", coco(content))[0].records) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"images": [],\n "annotations": [}', r"instances\.json:2: malformed JSON at column \d+"),
        ('{"images": [], "annotations": [3]}', r"annotations\[0\]\): expected an object, found 3"),
        ('{"images": [{"id": 1}], "annotations": []}', r"image 1\): expected a file_name"),
        ('{"images": [{"id": 1}, {"id": "1"}], "annotations": []}', r"images\[1\]\): expected unique image ids"),
        ('{"images": [], "categories": [{"id": 1}], "annotations": []}', r"categories\[0\]\): expected a name"),
        ('{"images": [], "annotations": [], "categories": {}}', r"categories\): expected a list"),
    ],
)
def test_broken_files_name_the_place(content: str, message: str, coco: Make, ingest: Make) -> None:
    with pytest.raises(ParseError, match=message):
        ingest("coco", coco(content))


def test_categories_of_one_name_become_one_class(coco: Make, ingest: Make) -> None:
    entries = [{"id": i, "image_id": 1, "category_id": i, "bbox": [i, 1, 5, 5]} for i in (1, 2)]
    cleaned, ledger = ingest(
        "coco", coco(document(entries, categories=[{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]))
    )
    assert cleaned.classes == ("a",)
    assert len(cleaned.records[0].annotations) == 2
    assert any("several categories have one name" in note for note in ledger.notes)


def test_byte_order_mark_and_utf16(tmp_path: Path, picture: Make, ingest: Make) -> None:
    picture(tmp_path / "a.jpg")
    content = document([], categories=[{"id": 1, "name": "划痕"}])
    (tmp_path / "x.json").write_bytes(json.dumps(content, ensure_ascii=False).encode("utf-8-sig"))
    assert ingest("coco", tmp_path)[0].classes == ("划痕",)


def test_other_json_is_not_coco(tmp_path: Path) -> None:
    (tmp_path / "labelme.json").write_text('{"shapes": [], "imagePath": "a.jpg"}')
    (tmp_path / "empty.json").touch()
    assert module.sniff(Tree(tmp_path)) is None
