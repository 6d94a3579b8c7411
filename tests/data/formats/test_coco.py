from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import outputs
from support.sources.coco import RUNS, runs
from support.sources.coco import write as write_source

from yolo_tl.data.formats import coco as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, ParseError, YoloTLError

Make = Callable[..., Any]


def document(annotations: list[dict[str, Any]], **other: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}],
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
        "annotations": annotations,
        **other,
    }


def events(source: Path, **options: Any) -> list[Event]:
    chosen = ReadOptions(**options)
    return list(module.read(Tree(source, images=chosen.images), chosen))


def annotations(source: Path, **options: Any) -> list[Annotation]:
    found = events(source, **options)
    return [item for event in found if isinstance(event, ImageRecord) for item in event.annotations]


def dropped(source: Path, **options: Any) -> list[tuple[str, str]]:
    return [(event.reason, event.place) for event in events(source, **options) if isinstance(event, Dropped)]


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
        ('{"images": [3], "annotations": []}', r"images\[0\]\): expected an object, found 3"),
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


AT = {"image_id": 1, "category_id": 3}
BOX = {"bbox": [10, 5, 20, 30]}


def test_the_example_source(tmp_path: Path) -> None:
    write_source(tmp_path)
    found = events(tmp_path, task="segment", crowd="keep")
    records = {event.path.name: event for event in found if isinstance(event, ImageRecord)}
    assert [(name, record.split, len(record.annotations)) for name, record in records.items()] == [
        ("train_1.jpg", "train", 2),
        ("train_2.jpg", "train", 2),
        ("train_3.jpg", "train", 0),
        ("val_1.jpg", "val", 1),
    ]
    polygons, (crowd, posed) = records["train_2.jpg"].annotations[0], records["train_1.jpg"].annotations
    assert polygons.parts == ((10, 5, 40, 5, 40, 25.5), (1, 1, 2, 1, 2, 2))
    assert polygons.box == (10, 5, 40, 25.5)
    assert crowd.crowd
    assert crowd.parts == ((5, 5, 55, 5, 55, 45, 5, 45),)
    assert posed.parts == posed.keypoints == ()
    compressed = records["train_2.jpg"].annotations[1]
    assert not compressed.crowd
    assert compressed.parts == ((20, 10, 40, 10, 40, 40, 20, 40),)
    assert compressed.holes == ((25, 20, 25, 25, 30, 25, 30, 20),)
    assert records["val_1.jpg"].annotations[0].ignore
    assert ClassOrder(("person", "toothbrush")) in found


def test_boxes_do_not_need_the_shapes(tmp_path: Path) -> None:
    write_source(tmp_path)
    assert all(item.box and not item.parts for item in annotations(tmp_path))
    # The mask of a crowd that is not kept is not worth its time; a box is enough to name it in the ledger.
    assert [item.parts for item in annotations(tmp_path, task="segment") if item.crowd] == [()]


@pytest.mark.parametrize("task", ["detect", "segment", "obb", "pose"])
@pytest.mark.parametrize("bbox", [{}, {"bbox": []}, {"bbox": None}, {"bbox": [None] * 4}, {"bbox": [1, 2]}])
def test_a_shape_without_a_box_is_enough(task: str, bbox: dict[str, Any], coco: Make) -> None:
    ring = [1, 2, 9, 2, 9, 8]
    source = coco(document([{"id": 8, **AT, **bbox, "segmentation": [ring]}, {"id": 9, **AT, **BOX}]))
    first, second = annotations(source, task=task)
    assert first == Annotation("cat", None, "annotation 8", parts=(tuple(map(float, ring)),))
    assert second == Annotation("cat", (10, 5, 30, 35), "annotation 9")
    mask = {"id": 8, **AT, **bbox, "segmentation": runs(5, 5, 50, 40)}
    assert annotations(coco(document([mask])), task=task)[0].parts == ((5, 5, 55, 5, 55, 45, 5, 45),)


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize(
    ("segmentation", "parts", "repair"),
    [
        ([[1, 2, 9, 2, 9, 8]], ((1, 2, 9, 2, 9, 8),), ""),
        ([[1, 2, 9, 2, 9, 8], [5, 5, 6, 6]], ((1, 2, 9, 2, 9, 8),), "ring_dropped"),
        ([[1, 2, 9, 2, 9, 8], [1, 2, 9, 2, 9, 8, 7]], ((1, 2, 9, 2, 9, 8),), "ring_dropped"),
        ([[1, 2, 9, 2, 9, 8], ["x"]], ((1, 2, 9, 2, 9, 8),), "ring_dropped"),
        ([["1", 2, 9, 2, 9, 8]], ((1, 2, 9, 2, 9, 8),), ""),
        ([1, 2, 9, 2, 9, 8], ((1, 2, 9, 2, 9, 8),), ""),
        ([[1, 2, 9, 2]], (), "shape_dropped"),
        ([[[1, 2], [9, 2], [9, 8]]], (), "shape_dropped"),
        ("rubbish", (), "shape_dropped"),
        (7, (), "shape_dropped"),
        ([], (), ""),
        ([[]], (), ""),
        (None, (), ""),
        ({}, (), ""),
        ({"size": [50, 100], "counts": RUNS}, ((20, 10, 40, 10, 40, 40, 20, 40),), ""),
        ({"size": [100, 50], "counts": RUNS}, (), "shape_dropped"),
        ({"size": [50, 100], "counts": RUNS[:-3]}, (), "shape_dropped"),
        ({"size": [50, 100], "counts": "\x00\u00e9"}, (), "shape_dropped"),
        ({"size": [50, 100], "counts": [1, 2]}, (), "shape_dropped"),
        ({"size": [50, 100], "counts": [-5, 5005]}, (), "shape_dropped"),
        ({"size": [10**9, 10**9], "counts": [0, 10**18]}, (), "shape_dropped"),
        ({"size": [50], "counts": []}, (), "shape_dropped"),
        ({"size": None, "counts": None}, (), "shape_dropped"),
    ],
)
def test_segmentations(segmentation: Any, parts: Any, repair: str, broken: bool, coco: Make) -> None:
    other = [{"id": "x", **AT, "bbox": "no box"}] if broken else []  # takes the document apart
    source = coco(document([{"id": 1, **AT, **BOX, "segmentation": segmentation}, *other]))
    found = annotations(source, task="segment")[0]
    assert (found.parts, found.repair, found.box) == (parts, repair, (10, 5, 30, 35))
    if repair == "shape_dropped":  # without a box nothing is left
        source = coco(document([{"id": 1, **AT, "segmentation": segmentation}]))
        assert dropped(source, task="segment") == dropped(source) == [("malformed", "annotation 1")]


def test_a_mask_of_an_image_of_unknown_size(coco: Make) -> None:
    content = document([{"id": 1, **AT, "segmentation": runs(5, 5, 50, 40)}], images=[{"id": 1, "file_name": "a.jpg"}])
    assert annotations(coco(content))[0].parts == ((5, 5, 55, 5, 55, 45, 5, 45),)


POSE_CATEGORIES = [{"id": 3, "name": "cat", "keypoints": ["nose", "tail"]}, {"id": 7, "name": "dog"}]


def test_keypoints(coco: Make) -> None:
    points = [5, 6, 2, 0, 0, 0]
    content = document(
        [
            {"id": 1, **AT, **BOX, "keypoints": points, "num_keypoints": 1},
            {"id": 2, **AT, "keypoints": points},
            {"id": 3, **AT, **BOX},
            {"id": 4, **AT, **BOX, "keypoints": [1, 2, 2]},
            {"id": 5, **AT, **BOX, "keypoints": "x"},
            {"id": 6, **AT, "keypoints": [0] * 6},
        ],
        categories=POSE_CATEGORIES,
    )
    source = coco(content)
    assert KeypointOrder(("nose", "tail")) in events(source, task="pose")
    box = (10, 5, 30, 35)
    assert annotations(source, task="pose") == [
        Annotation("cat", box, "annotation 1", keypoints=tuple(map(float, points))),
        Annotation("cat", None, "annotation 2", keypoints=tuple(map(float, points))),
        Annotation("cat", box, "annotation 3"),
    ]
    assert dropped(source, task="pose") == [
        ("malformed", "annotation 4"),
        ("malformed", "annotation 5"),
        ("no_box", "annotation 6"),
    ]
    # For boxes they matter only where there is no box.
    assert [len(item.keypoints) for item in annotations(source)] == [0, 6, 0, 0, 0]
    assert not any(isinstance(event, KeypointOrder) for event in events(source))


def test_keypoints_without_names(coco: Make) -> None:
    content = document([{"id": 1, **AT, **BOX, "keypoints": [5, 6, 2]}, {"id": 2, **AT, **BOX, "keypoints": [5, 6]}])
    source = coco(content)
    assert [item.keypoints for item in annotations(source, task="pose")] == [(5, 6, 2)]
    assert dropped(source, task="pose") == [("malformed", "annotation 2")]


def test_categories_with_different_keypoints_get_all_of_them(coco: Make) -> None:
    categories = [
        {"id": 3, "name": "cat", "keypoints": ["tail", "nose"]},
        {"id": 7, "name": "dog", "keypoints": ["nose", "ear", "ear"]},
    ]
    entries = [
        {"id": 1, **AT, **BOX, "keypoints": [1, 1, 1, 2, 2, 2]},
        {"id": 2, "image_id": 1, "category_id": 7, **BOX, "keypoints": [3, 3, 2, 4, 4, 2, 5, 5, 2]},
    ]
    found = events(coco(document(entries, categories=categories)), task="pose")
    assert KeypointOrder(("nose", "ear", "ear_2", "tail")) in found
    assert any(isinstance(event, Note) and "different keypoints" in event.text for event in found)
    record = next(event for event in found if isinstance(event, ImageRecord))
    assert [item.keypoints for item in record.annotations] == [
        (2, 2, 2, 0, 0, 0, 0, 0, 0, 1, 1, 1),
        (3, 3, 2, 4, 4, 2, 5, 5, 2, 0, 0, 0),
    ]


def test_people_listed_twice_are_read_once(tmp_path: Path, picture: Make) -> None:
    picture(tmp_path / "val2017" / "a.jpg")
    keypoints = {"keypoints": [5, 6, 2, 0, 0, 0]}
    for name, extra in (("instances", {}), ("person_keypoints", keypoints)):
        content = document([{"id": 1, **AT, **BOX, **extra}], categories=POSE_CATEGORIES)
        (tmp_path / f"{name}_val2017.json").write_text(json.dumps(content))
    (captions,) = [{"image_id": 1, "id": 37, "caption": "A cat on a mat."}]
    (tmp_path / "captions_val2017.json").write_text(
        json.dumps({"images": content["images"], "annotations": [captions]})
    )
    assert "2 JSON files" in str(module.sniff(Tree(tmp_path)))
    assert [len(item.keypoints) for item in annotations(tmp_path)] == [0]
    assert [len(item.keypoints) for item in annotations(tmp_path, task="pose")] == [6]
    notes = [event.text for event in events(tmp_path) if isinstance(event, Note)]
    assert notes == [
        "person_keypoints_val2017.json is left out: instances_val2017.json beside it has the same people for this task",
        "1 .json files hold no annotations and are left out, first: captions_val2017.json",
    ]


def test_one_bad_annotation_costs_itself(coco: Make) -> None:
    good = {"id": 1, **AT, **BOX}
    entries = [good, 3, None, [], {}, {"id": 2, **AT, "bbox": {"x": 1}}, {**good, "iscrowd": None, "id": 10**30}]
    content = json.dumps(document([*entries, {**good, "id": "last"}]))  # type: ignore[list-item]
    source = coco(content.replace('"last"', '"last\\ud800"'))  # half a character: the standard library's parser
    for found in (source, coco(content)):
        assert [item.place for item in annotations(found)][:1] == ["annotation 1"]
        assert [reason for reason, _ in dropped(found)] == ["malformed"] * 3 + ["unknown_image", "no_box"]
        assert [place for _, place in dropped(found)] == [
            "annotations[1]",
            "annotations[2]",
            "annotations[3]",
            "annotation number 5",
            "annotation 2",
        ]
        assert len(annotations(found)) == 3


@pytest.mark.parametrize("flag", [1, True, "1", 1.0, "true"])
def test_flags_in_every_spelling(flag: Any, coco: Make) -> None:
    entries = [{"id": 1, **AT, **BOX, "iscrowd": flag}, {"id": 2, **AT, **BOX, "ignore": flag}]
    off = [{"id": i, **AT, **BOX, "iscrowd": value} for i, value in enumerate((0, "0", None, False, "false"), start=3)]
    found = annotations(coco(document([*entries, *off])))
    assert [(item.crowd, item.ignore) for item in found] == [(True, False), (False, True), *[(False, False)] * 5]


@pytest.mark.parametrize(
    ("bbox", "box"),
    [
        ("[NaN, 1, 5, 5]", (math.nan, 1, math.nan, 6)),
        ("[-Infinity, 1, 5, 5]", (-math.inf, 1, -math.inf, 6)),
        ("[-3, -4.5, 1e6, 5]", (-3, -4.5, 999997, 0.5)),
        ("[5, 6, -2, -3]", (5, 6, 3, 3)),
        ('["1", "2", "3", "4"]', (1, 2, 4, 6)),
        ("[5, 6, 0, 0]", (5, 6, 5, 6)),
    ],
)
def test_numbers_go_out_as_they_are(bbox: str, box: tuple[float, ...], coco: Make) -> None:
    text = json.dumps(document([{"id": 1, **AT, "bbox": "BBOX"}])).replace('"BBOX"', bbox)
    assert [annotation.box for annotation in annotations(coco(text))] == [pytest.approx(box, nan_ok=True)]


@pytest.mark.parametrize("bbox", ["[1e999, 1, 5, 5]", f"[{'9' * 5000}, 1, 2, 3]", '["x", 1, 2, 3]', "[[1], 1, 2, 3]"])
def test_numbers_that_are_none(bbox: str, coco: Make) -> None:
    good = {"id": 2, **AT, **BOX}
    text = json.dumps(document([{"id": 1, **AT, "bbox": "BBOX"}, good])).replace('"BBOX"', bbox)
    source = coco(text)
    assert len(annotations(source)) + len(dropped(source)) == 2
    assert annotations(source)[-1].place == "annotation 2"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_encodings(encoding: str, coco: Make, tmp_path: Path) -> None:
    coco("{}")
    content = json.dumps(document([{"id": 1, **AT, **BOX}], info="Prüfung"), ensure_ascii=False)
    (tmp_path / "annotations" / "instances.json").write_bytes(content.encode(encoding))
    assert module.sniff(Tree(tmp_path))
    assert len(annotations(tmp_path)) == 1  # what is not read may be in any encoding
    content = json.dumps(document([], categories=[{"id": 1, "name": "Öse"}]), ensure_ascii=False)
    (tmp_path / "annotations" / "instances.json").write_bytes(content.encode(encoding))
    if encoding == "latin-1":
        with pytest.raises(ParseError, match=r"instances\.json"):
            events(tmp_path)
    else:
        assert ClassOrder(("Öse",)) in events(tmp_path)


def test_cut_short_is_recognised_and_refused(coco: Make) -> None:
    text = json.dumps(document([{"id": 1, **AT, **BOX}]))
    source = coco(text[: text.index('"bbox"') + 3])
    assert module.sniff(Tree(source))
    with pytest.raises(ParseError, match=r"instances\.json:1: malformed JSON"):
        events(source)


@pytest.mark.parametrize(
    "name", ["../../a.jpg", "C:\\data\\..\\a.jpg", "/etc/a.jpg", "..\\a.jpg", "A.JPG", "x/a.jpg?v=1"]
)
def test_no_name_leads_out_of_the_source(name: str, coco: Make, tmp_path: Path) -> None:
    source = coco(document([], images=[{"id": 1, "file_name": name}]))
    (record,) = [event for event in events(source) if isinstance(event, ImageRecord)]
    assert record.path == tmp_path / "images" / "a.jpg"


@pytest.mark.parametrize(
    "name", ["../../none.jpg", "..", "/", "\\", "a\x00/none.jpg", "x" * 5000, "a/../..", "\ud800.jpg"]
)
def test_what_is_missing_is_named_below_the_source(name: str, coco: Make, tmp_path: Path) -> None:
    source = coco(document([{"id": 1, **AT, **BOX}], images=[{"id": 1, "file_name": name}]))
    (record,) = [event for event in events(source) if isinstance(event, ImageRecord)]
    assert record.path.parent == tmp_path
    assert not record.path.exists()


def test_composed_and_decomposed_names(coco: Make, tmp_path: Path, picture: Make) -> None:
    picture(tmp_path / "images" / "Größe.jpg")
    source = coco(document([], images=[{"id": 1, "file_name": "Gro\u0308\u00dfe.jpg"}]))
    assert [e.path.name for e in events(source) if isinstance(e, ImageRecord)] == ["Größe.jpg"]


def test_images_of_one_name_in_two_folders(coco: Make, tmp_path: Path, picture: Make) -> None:
    for folder in ("s1", "s2"):
        picture(tmp_path / folder / "x.jpg")
    images = [{"id": i, "file_name": f"s{i}/x.jpg"} for i in (1, 2)]
    source = coco(document([{"id": 1, **AT, **BOX}], images=images))
    found = [event for event in events(source) if isinstance(event, ImageRecord)]
    assert [(record.path.parent.name, len(record.annotations)) for record in found] == [("s1", 1), ("s2", 0)]
    with pytest.raises(DataError, match="fits several images equally well"):
        events(coco(document([], images=[{"id": 1, "file_name": "x.jpg"}])))


def test_x_jpg_and_x_png_are_two_images(coco: Make, tmp_path: Path, picture: Make) -> None:
    images = [{"id": i, "file_name": f"x.{suffix}"} for i, suffix in enumerate(("jpg", "png"), start=1)]
    for image in images:
        picture(tmp_path / "images" / str(image["file_name"]))
    found = events(coco(document([{"id": 1, **AT, **BOX}], images=images)))
    assert [(e.path.name, len(e.annotations)) for e in found if isinstance(e, ImageRecord)] == [
        ("x.jpg", 1),
        ("x.png", 0),
    ]


def test_an_image_listed_twice(coco: Make) -> None:
    image = {"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}
    found = events(coco(document([{"id": 1, **AT, **BOX}], images=[image, image])))
    assert [len(event.annotations) for event in found if isinstance(event, ImageRecord)] == [1]
    assert any(isinstance(event, Note) and "listed more than once" in event.text for event in found)
    with pytest.raises(ParseError, match=r"images\[1\]\): expected unique image ids, found 1 twice"):
        events(coco(document([], images=[image, {**image, "file_name": "b.jpg"}])))


def test_splits_by_the_folders_of_the_names(coco: Make, tmp_path: Path, picture: Make) -> None:
    images = []
    for i, split in enumerate(("train", "valid")):
        picture(tmp_path / split / f"{i}.jpg")
        images.append({"id": i, "file_name": f"{split}\\{i}.jpg"})
    found = events(coco(document([], images=images), "all.json"))
    assert [event.split for event in found if isinstance(event, ImageRecord)] == ["train", "val"]


def test_images_that_no_file_names_are_noted(coco: Make, tmp_path: Path, picture: Make) -> None:
    picture(tmp_path / "images" / "b.jpg")
    notes = [event.text for event in events(coco(document([]))) if isinstance(event, Note)]
    assert notes == ["1 images are in no annotation file and are left out, first: images/b.jpg"]


def test_a_list_of_images_without_annotations_says_nothing_of_them(coco: Make) -> None:
    content = document([])
    del content["annotations"]
    assert [e.labelled for e in events(coco(content)) if isinstance(e, ImageRecord)] == [False]
    assert [e.labelled for e in events(coco(document([]))) if isinstance(e, ImageRecord)] == [True]


def test_classes_without_boxes_are_tags_for_a_classifier(coco: Make) -> None:
    source = coco(document([{"id": 1, **AT}]))
    assert annotations(source, task="classify") == [Annotation("cat", None, "annotation 1")]
    assert dropped(source) == [("no_box", "annotation 1")]


def test_lvis(coco: Make) -> None:
    image = {"id": 1, "coco_url": "http://images.host/val/a.jpg", "neg_category_ids": [4], "width": 100, "height": 50}
    category = {"id": 3, "name": "cat", "synset": "cat.n.01", "frequency": "c", "synonyms": ["cat"]}
    source = coco(document([{"id": 1, **AT, **BOX}], images=[image], categories=[category]), "lvis_v1_val.json")
    (record,) = [event for event in events(source) if isinstance(event, ImageRecord)]
    assert (record.path.name, record.split, record.size) == ("a.jpg", "val", (100, 50))
    assert len(record.annotations) == 1


@pytest.mark.parametrize(
    "content",
    [
        [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}],  # results
        {"images": [{"id": 1}], "annotations": [{"image_id": 1, "id": 1, "caption": "A bbox."}]},
        {"images": [{"id": 1}], "annotations": [{"segments_info": [{"id": 1, "category_id": 3}]}]},  # panoptic
        {"categories": {"label": {}}, "items": []},
        {"info": {"images": [], "annotations": []}},
        [],
        3,
    ],
)
def test_what_only_looks_like_coco(content: Any, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert module.sniff(Tree(tmp_path)) is None


@pytest.mark.parametrize("order", [("images", "annotations", "categories"), ("annotations", "categories", "images")])
def test_large_files_are_recognised_without_reading_them(order: tuple[str, ...], tmp_path: Path) -> None:
    lists: dict[str, list[Any]] = {
        "images": [{"id": i, "file_name": f"{i:060}.jpg"} for i in range(20_000)],
        "annotations": [{"image_id": i, **BOX, "category_id": 3} for i in range(30_000)],
        "categories": [{"id": 3, "name": "cat"}],
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps({key: lists[key] for key in order}))
    assert path.stat().st_size > 3 << 20
    start = time.process_time()
    assert module.sniff(Tree(tmp_path))
    assert time.process_time() - start < 1


@pytest.mark.parametrize("task", module.FORMAT.tasks)
def test_what_is_written_is_read_back(task: str) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(outputs.images(task))
    def check(records: list[ImageRecord]) -> None:
        with TemporaryDirectory() as folder:
            count = outputs.write("coco", Path(folder), records, task)
            assert count == sum(len(record.annotations) for record in records)
            found, names = outputs.read("coco", Path(folder), task=task)
            assert names == outputs.CLASSES
            assert len(found) == len(records)
            for record in records:
                got = found[record.path.name]
                assert (got.split, got.size) == (record.split, record.size)
                assert len(got.annotations) == len(record.annotations)
                for a, b in zip(record.annotations, got.annotations, strict=True):
                    assert b.box == pytest.approx(a.box)
                    assert (a.name, a.parts, a.keypoints) == (b.name, b.parts, b.keypoints)

    check()


def test_flags_parts_and_holes_are_written(tmp_path: Path) -> None:
    square = (0.0, 0.0, 20.0, 0.0, 20.0, 20.0, 0.0, 20.0)
    hole = (5.0, 5.0, 5.0, 10.0, 10.0, 10.0, 10.0, 5.0)
    other = (30.0, 30.0, 40.0, 30.0, 40.0, 40.0)
    items = (
        Annotation("cat", (0, 0, 40, 40), "1", crowd=True, parts=(square, other)),
        Annotation("cat", (0, 0, 20, 20), "2", ignore=True, parts=(square,), holes=(hole,)),
    )
    record = ImageRecord(Path("a.png"), Path("x"), items, "train", (50, 50))
    assert outputs.write("coco", tmp_path, [record], "segment") == 2
    content = json.loads((tmp_path / "annotations" / "instances_train.json").read_text())
    first, second = content["annotations"]
    assert (first["iscrowd"], first["area"], len(first["segmentation"])) == (1, 450, 2)
    assert (second["ignore"], second["area"], len(second["segmentation"])) == (1, 375, 1)
    assert content["images"][0]["file_name"] == "a.png"


@settings(max_examples=15, deadline=None)
@given(outputs.images("segment"))
def test_pycocotools_reads_what_is_written(records: list[ImageRecord]) -> None:
    tool = pytest.importorskip("pycocotools.coco")
    with TemporaryDirectory() as folder:
        outputs.write("coco", Path(folder), records, "segment")
        for path in sorted(Path(folder, "annotations").iterdir()):
            peer = tool.COCO(str(path))
            split = path.stem.removeprefix("instances_")
            ours = {record.path.name: record for record in records if record.split == split}
            assert {image["file_name"] for image in peer.imgs.values()} == set(ours)
            for image in peer.imgs.values():
                found = peer.loadAnns(peer.getAnnIds(imgIds=image["id"]))
                record = ours[image["file_name"]]
                for theirs, a in zip(found, record.annotations, strict=True):
                    x, y, width, height = theirs["bbox"]
                    assert (x, y, x + width, y + height) == pytest.approx(a.box, abs=0.5)
                    assert peer.cats[theirs["category_id"]]["name"] == a.name
                    assert peer.annToMask(theirs).shape == (record.size or (0, 0))[::-1]


def test_boxes_as_pycocotools_reads_them(tmp_path: Path) -> None:
    tool = pytest.importorskip("pycocotools.coco")
    masks = pytest.importorskip("pycocotools.mask")
    write_source(tmp_path)
    peer = tool.COCO(str(tmp_path / "annotations" / "instances_train.json"))
    ours = {item.place: item for item in annotations(tmp_path, task="segment", crowd="keep")}
    for number, theirs in peer.anns.items():
        item = ours[f"annotation {number}"] if number > 1 else None
        if item is None:  # the val file has an annotation 1 as well
            continue
        x, y, width, height = theirs["bbox"]
        assert item.box == pytest.approx((x, y, x + width, y + height), abs=0.5)
        if isinstance(theirs.get("segmentation"), dict):
            xs, ys = item.parts[0][::2], item.parts[0][1::2]
            extent = masks.toBbox(peer.annToRLE(theirs)).tolist()
            assert [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)] == extent


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutations_end_in_events_or_in_our_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp() / "coco_mutations"
    path = folder / "annotations" / "instances_train.json"
    if not folder.exists():
        write_source(folder)
        (folder / "original").write_bytes(path.read_bytes())
    text = (folder / "original").read_bytes()
    at = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(at, min(len(text), at + 200)))
    new = data.draw(
        st.sampled_from([b"", b"NaN", b"1e999", b"null", b'"x"', b"[[]]", b"{}", b"-1", text[at:end] * 2, b"\xff"])
    )
    path.write_bytes(text[:at] + new + text[end:])
    for task in ("detect", "segment", "pose"):
        try:
            found = events(folder, task=task)
        except YoloTLError:
            continue
        assert found
