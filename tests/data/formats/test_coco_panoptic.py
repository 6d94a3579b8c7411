from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pictures import picture
from support.sources.coco_panoptic import CROWD, STUFF, THING, save
from support.sources.coco_panoptic import write as write_source

from yolo_tl.data.formats import coco
from yolo_tl.data.formats import coco_panoptic as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

JSON = "annotations/panoptic_val2017.json"
PNG = "annotations/panoptic_val2017/a.png"
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_source(tmp_path)
    return tmp_path


def edit(source: Path, change: Edit) -> None:
    content = json.loads((source / JSON).read_text())
    change(content)
    (source / JSON).write_text(json.dumps(content))


def events(source: Path, **options: Any) -> list[Event]:
    return list(module.read(Tree(source), ReadOptions(**options)))


def records(source: Path, **options: Any) -> list[ImageRecord]:
    return [event for event in events(source, **options) if isinstance(event, ImageRecord)]


def dropped(source: Path, **options: Any) -> list[tuple[str, str]]:
    return [(event.reason, event.place) for event in events(source, **options) if isinstance(event, Dropped)]


def test_boxes(source: Path) -> None:
    tree = Tree(source)
    assert module.sniff(tree) == f"1 JSON files with images and segments_info: {JSON}"
    assert coco.sniff(tree) is None
    first, second = records(source)
    assert (first.path, first.split, first.size) == (source / "val2017" / "a.jpg", "val", (100, 50))
    assert first.annotations == (
        Annotation("person", (20, 10, 50, 40), f"image 0, segment {THING}"),
        Annotation("person", (60, 5, 90, 9), f"image 0, segment {CROWD}", crowd=True),
        Annotation("sky-other-merged", (0, 41, 100, 50), f"image 0, segment {STUFF}", ignore=True),
    )
    assert (second.annotations, second.labelled) == ((), True)
    found = events(source)
    assert ClassOrder(("person",)) in found
    assert ClassOrder(("person", "sky-other-merged")) in events(source, ignore="keep")
    assert not any(isinstance(event, Note) for event in found)


def test_boxes_do_not_need_the_masks(source: Path) -> None:
    (source / PNG).write_bytes(b"rubbish")
    assert len(records(source)[0].annotations) == 3


def test_outlines(source: Path) -> None:
    thing, crowd, stuff = records(source, task="segment")[0].annotations
    assert thing.box == (20, 10, 50, 40)
    assert thing.parts == ((20, 10, 50, 10, 50, 40, 20, 40),)
    assert thing.holes == ((30, 20, 30, 30, 40, 30, 40, 20),)
    assert crowd.parts == ((60, 5, 90, 5, 90, 9, 60, 9),)
    assert stuff.parts == ((0, 41, 100, 41, 100, 50, 0, 50),)


def test_segments_without_pixels_keep_their_box(source: Path) -> None:
    edit(source, lambda content: content["annotations"][0]["segments_info"][0].update(id=9))
    edit(source, lambda content: content["annotations"][0]["segments_info"][1].update(id="x"))
    found = records(source, task="segment")[0].annotations
    assert [(item.repair, len(item.parts)) for item in found] == [("shape_dropped", 0), ("shape_dropped", 0), ("", 1)]


def test_segments_without_a_box(source: Path) -> None:
    edit(source, lambda content: content["annotations"][0]["segments_info"][0].update(bbox=[1, 2, "x"]))
    assert dropped(source) == [("no_box", f"image 0, segment {THING}")]
    assert dropped(source, task="segment") == []
    assert records(source, task="segment")[0].annotations[0].box is None


def test_every_segment_of_which_nothing_can_be_made_is_named(source: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["annotations"][0]["segments_info"][1]["category_id"] = 55
        content["annotations"][0]["segments_info"].append("x")
        content["annotations"][1]["segments_info"] = {"id": 1}
        content["annotations"].append({"image_id": 7, "segments_info": [{"id": 3, "category_id": 1}, {}]})
        content["annotations"].append(5)
        content["annotations"].append({"image_id": 1, "segments_info": None, "file_name": "b.png"})

    edit(source, change)
    for task in ("detect", "segment"):
        assert dropped(source, task=task) == [
            ("unknown_category", f"image 0, segment {CROWD}"),
            ("malformed", "image 0, segment number 4"),
            ("malformed", "image 1"),
            ("unknown_image", "image 7, segment 3"),
            ("unknown_image", "image 7, segment number 2"),
            ("malformed", "annotations[3]"),
        ]
        assert [len(record.annotations) for record in records(source, task=task)] == [2, 0]


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_mask_that_cannot_be_read_is_named(content: bytes | None, source: Path) -> None:
    (source / PNG).unlink() if content is None else (source / PNG).write_bytes(content)
    with pytest.raises(ParseError, match=r"a\.png: expected a mask image"):
        events(source, task="segment")


def test_a_mask_of_another_size(source: Path) -> None:
    save(source / PNG, np.zeros((40, 100), np.int32))
    with pytest.raises(ParseError, match=r"a\.png: expected 100 x 50 px as the image, found 100 x 40 px"):
        events(source, task="segment")


def test_masks_called_like_their_images(source: Path) -> None:
    edit(source, lambda content: content["images"][0].update(file_name="a.png"))
    picture(source / "val2017" / "a.png")
    (source / "val2017" / "a.jpg").unlink()
    assert records(source)[0].path == source / "val2017" / "a.png"


def test_no_name_leads_out_of_the_source(source: Path) -> None:
    edit(source, lambda content: content["annotations"][0].update(file_name="../../../a.png"))
    edit(source, lambda content: content["images"][0].update(file_name="..\\..\\none.jpg"))
    first = records(source, task="segment")[0]
    assert first.path == source / "none.jpg"
    assert len(first.annotations[0].parts) == 1


def test_images_not_listed_are_noted(source: Path) -> None:
    picture(source / "val2017" / "c.jpg")
    notes = [event.text for event in events(source) if isinstance(event, Note)]
    assert notes == ["1 images are in no annotation file and are left out, first: val2017/c.jpg"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["images"].append(content["images"][0]), "unique image ids"),
        (lambda content: content["images"][0].pop("file_name"), "expected a file_name"),
        (lambda content: content["categories"][0].pop("name"), "expected a name"),
        (lambda content: content.update(images=3), "expected a list"),
    ],
)
def test_broken_files(change: Edit, message: str, source: Path) -> None:
    edit(source, change)
    with pytest.raises(ParseError, match=message):
        events(source)


def test_workers_give_the_same(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolo_tl.data.workers.FEW", 0)
    assert records(source, task="segment", workers=2) == records(source, task="segment")
