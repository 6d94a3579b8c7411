from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture, png
from support.sources.labelme import png_text
from support.sources.supervisely import NODES, deflated, document, figure, meta

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.geometry import bitmaps
from yolo_tl.data.geometry.shapes import extent
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder, Note, replace
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

SQUARE = [[10, 10], [30, 10], [30, 30], [10, 30]]
MASK = {"origin": [7, 8], "data": deflated(["##.", "##."])}


def events(source: Path, **options: Any) -> list[Event]:
    return list(FORMATS["supervisely"].read(Tree(source), ReadOptions(**options)))


def records(found: list[Event]) -> list[ImageRecord]:
    return [event for event in found if isinstance(event, ImageRecord)]


def reasons(found: list[Event]) -> list[tuple[str, str]]:
    return [(event.place, event.reason) for event in found if isinstance(event, Dropped)]


def make(source: Path, objects: list[Any], tags: list[Any] | None = None, name: str = "ds", **more: Any) -> Path:
    """A data set of one image a.jpg."""
    picture(source / name / "img/a.jpg")
    path = source / name / "ann/a.jpg.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(objects, tags, **more), "utf-8")
    return path


def one(source: Path, item: Any) -> Annotation | Dropped:
    make(source, [item])
    found = events(source)
    results = [*records(found)[0].annotations, *(event for event in found if isinstance(event, Dropped))]
    assert len(results) == 1
    return results[0]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        # The whole image: the second corner is its last pixel.
        (figure("cat", "rectangle", [[0, 0], [99, 49]]), {"box": (0, 0, 100, 50)}),
        (figure("cat", "rectangle", [[99, 0], [0, 49]]), {"box": (0, 0, 100, 50)}),
        (figure("cat", "rectangle", [[0.5, 0], [99, 49]]), {"box": (0.5, 0, 99, 49)}),
        # Whole numbers are pixels, and a vertex is the centre of one.
        (figure("cat", "polygon", SQUARE), {"parts": ((10.5, 10.5, 30.5, 10.5, 30.5, 30.5, 10.5, 30.5),)}),
        (figure("cat", "polygon", [[0.25, 0], [9, 0], [9, 9]]), {"parts": ((0.25, 0, 9, 0, 9, 9),)}),
        (
            figure("cat", "polygon", SQUARE, [[[15, 15], [20, 15], [20, 20]], [[1, 1], [2, 2]]]),
            {
                "parts": ((10.5, 10.5, 30.5, 10.5, 30.5, 30.5, 10.5, 30.5),),
                "holes": ((15.5, 15.5, 20.5, 15.5, 20.5, 20.5),),
            },
        ),
        (
            figure("cat", "multipolygon", parts=[{"exterior": SQUARE[:3]}, {"exterior": SQUARE[1:], "interior": []}]),
            {"parts": ((10.5, 10.5, 30.5, 10.5, 30.5, 30.5), (30.5, 10.5, 30.5, 30.5, 10.5, 30.5))},
        ),
        (figure("cat", "bitmap", bitmap=MASK), {"parts": ((7, 8, 9, 8, 9, 10, 7, 10),)}),
        (
            figure("cat", "bitmap", bitmap={"origin": [0, 0], "data": png_text(["###", "#.#", "###"])}),
            {"parts": ((0, 0, 3, 0, 3, 3, 0, 3),), "holes": ((1, 1, 1, 2, 2, 2, 2, 1),)},
        ),
        (
            figure("cat", "oriented_bbox", points=[[10, 10], [29, 19]], angle=math.pi / 2),
            {"corners": (25, 5, 25, 25, 15, 25, 15, 5)},
        ),
        (
            figure("cat", "oriented_bbox", [[10, 10], [29, 19]]),
            {"corners": (10, 10, 30, 10, 30, 20, 10, 20)},
        ),
        (figure("cat", None, [[0, 0], [99, 49]]), {"box": (0, 0, 100, 50)}),
        (figure("cat", None, [], bitmap=MASK), {"parts": ((7, 8, 9, 8, 9, 10, 7, 10),)}),
        (figure("cat", "rectangle", [["0", 0], [99, 49]]), {"box": (0, 0, 100, 50)}),
    ],
)
def test_an_object(tmp_path: Path, item: Any, expected: dict[str, Any]) -> None:
    found = one(tmp_path, item)
    assert isinstance(found, Annotation)
    assert found.corners == pytest.approx(expected.get("corners", ()))
    assert replace(found, corners=()) == replace(Annotation("cat", None, "object 1"), **expected | {"corners": ()})


def test_an_oriented_box_turns_clockwise_about_its_centre(tmp_path: Path) -> None:
    found = one(tmp_path, figure("cat", "oriented_bbox", points=[[20, 20], [39, 29]], angle=math.radians(30)))
    assert isinstance(found, Annotation)
    assert found.corners[:2] == pytest.approx((23.84, 15.67), abs=0.01)
    assert extent(found.corners) == pytest.approx((18.84, 15.67, 41.16, 34.33), abs=0.01)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (figure("cat", "line", SQUARE), "unsupported_shape"),
        (figure("cat", "point", SQUARE[:1]), "unsupported_shape"),
        (figure("cat", "cuboid", points=SQUARE), "unsupported_shape"),
        (figure("cat", "cuboid_2d", points=SQUARE), "unsupported_shape"),
        (figure("cat", 5, SQUARE), "unsupported_shape"),  # type: ignore[arg-type]
        (figure("cat", "polygon", SQUARE[:2]), "too_few_points"),
        (figure("cat", "multipolygon", parts=[]), "too_few_points"),
        (figure("cat", "polygon"), "malformed"),
        (figure("cat", "polygon", [[1, 2], [3], [4, 5]]), "malformed"),
        (figure("cat", "polygon", [[1, 2], [3, "x"], [4, 5]]), "malformed"),
        (figure("cat", "rectangle", SQUARE), "malformed"),
        (figure("cat", "rectangle", [[1, 2]]), "malformed"),
        (figure("cat", "oriented_bbox", points=SQUARE), "malformed"),
        (figure("cat", "oriented_bbox", points=SQUARE[:2], angle="x"), "malformed"),
        (figure("cat", "bitmap"), "malformed"),
        (figure("cat", "bitmap", bitmap={"origin": [0, 0], "data": "xx"}), "malformed"),
        (figure("cat", "bitmap", bitmap={"origin": [0], "data": MASK["data"]}), "malformed"),
        (figure("cat", "bitmap", bitmap={"origin": [0, 0], "data": deflated(["..", ".."])}), "empty_mask"),
        (figure("cat", "graph", nodes={}), "no_box"),
        (figure("cat", "graph", nodes={"a": {"loc": [1]}}), "malformed"),
        (figure("cat", "graph", nodes=[]), "malformed"),
        (figure("", "polygon", SQUARE), "no_class"),
        (figure(None, "polygon", SQUARE), "no_class"),  # type: ignore[arg-type]
        (5, "malformed"),
        (None, "malformed"),
    ],
)
def test_an_object_of_which_nothing_can_be_made(tmp_path: Path, item: Any, reason: str) -> None:
    found = one(tmp_path, item)
    assert isinstance(found, Dropped)
    assert (found.reason, found.place, found.source) == (reason, "object 1", tmp_path / "ds/ann/a.jpg.json")


def test_numbers_that_are_not_finite_are_left_to_cleaning(tmp_path: Path, ingest: Callable[..., Any]) -> None:
    path = make(
        tmp_path,
        [
            figure("cat", "rectangle", [[777, 0], [99, 49]]),
            figure("cat", "polygon", [[777, 0], [99, 49], [5, 5]]),
            figure("cat", "oriented_bbox", points=[[10, 10], [29, 19]], angle=777),
            figure("cat", "graph", nodes={"a": {"loc": [777, 5]}}),
        ],
    )
    text = path.read_text("utf-8")
    for number in ("NaN", "Infinity", "1e999"):
        path.write_text(text.replace("777", number), "utf-8")
        _, ledger = ingest("supervisely", tmp_path)
        assert ledger.dropped.counts == {"not_finite": 4}, number
        path.write_text(document([figure("cat", "bitmap", bitmap=MASK | {"origin": [777, 1]})]).replace("777", number))
        assert reasons(events(tmp_path)) == [("object 1", "malformed")]


def test_a_bomb_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitmaps, "MAX_BYTES", 1 << 20)
    for content in (b"\0" * (1 << 24), png(1 << 14, 1 << 14)):
        data = base64.b64encode(zlib.compress(content)).decode()
        found = one(tmp_path, figure("cat", "bitmap", bitmap={"origin": [0, 0], "data": data}))
        assert isinstance(found, Dropped)
        assert found.reason == "malformed"


def test_the_meta_gives_order_shapes_and_keypoints(tmp_path: Path) -> None:
    classes = [
        {"title": "zebra", "shape": "rectangle", "geometry_config": None},
        {"title": "cat", "shape": "polygon"},
        {"title": "pose", "shape": "graph", "geometry_config": {"nodes": NODES}},
    ]
    make(
        tmp_path,
        [
            figure("cat", None, [[0, 0], [9, 9]]),
            figure("pose", "graph", nodes={"u-2": {"loc": [9, 9], "disabled": True}, "u-9": {"loc": [1.25, 2]}}),
            figure("pose", "graph", nodes={"u-1": {"loc": [5, 6]}}),
            figure("new", "rectangle", [[0, 0], [9, 9]], id=77),
        ],
    )
    (tmp_path / "meta.json").write_text(meta(classes), "utf-8")
    found = events(tmp_path)
    assert ClassOrder(("zebra", "cat", "pose")) in found
    assert KeypointOrder(("nose", "tail", "u-9")) in found
    assert reasons(found) == [("object 1", "too_few_points")]
    assert [(a.place, a.keypoints) for a in records(found)[0].annotations] == [
        ("object 2", (0, 0, 0, 9.5, 9.5, 1, 1.25, 2, 2)),
        ("object 3", (5.5, 6.5, 2, 0, 0, 0, 0, 0, 0)),
        ("object 4 (id 77)", ()),
    ]


def test_without_a_meta_there_is_a_note(tmp_path: Path) -> None:
    make(tmp_path, [figure("cat", "rectangle", [[0, 0], [9, 9]])])
    found = events(tmp_path)
    assert any(isinstance(event, Note) and "no meta.json" in event.text for event in found)
    assert not any(isinstance(event, ClassOrder) for event in found)


def test_tags_of_images(tmp_path: Path) -> None:
    tags = [
        {"name": "sunny", "value_type": "none", "applicable_type": "imagesOnly"},
        {"name": "speed", "value_type": "any_number"},
        {"name": "big", "value_type": "none", "applicable_type": "objectsOnly"},
        {"name": "val", "value_type": "none"},
        {"name": "test drive", "value_type": "none"},
    ]
    given = [{"name": "sunny"}, {"name": "speed", "value": 5}, {"name": "big"}, {"name": "other"}, {"name": "val"}, 5]
    make(tmp_path, [], [*given, {"name": "test drive"}])
    (tmp_path / "meta.json").write_text(meta([{"title": "cat", "shape": "polygon"}], tags), "utf-8")
    found = events(tmp_path, task="classify")
    (record,) = records(found)
    assert [(a.name, a.is_tag) for a in record.annotations] == [("sunny", True), ("test drive", True)]
    assert record.split == "val"
    assert ClassOrder(("sunny", "test drive")) in found


def test_data_sets_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name in ("train", "val", "other"):
        make(tmp_path, [], name=name)
    picture(tmp_path / "val/img/more.jpg")
    picture(tmp_path / "val/thumbs/a.jpg")
    found = events(tmp_path)
    assert [(r.path.relative_to(tmp_path).as_posix(), r.split, r.labelled) for r in records(found)] == [
        ("other/img/a.jpg", None, True),
        ("train/img/a.jpg", "train", True),
        ("val/img/a.jpg", "val", True),
        ("val/img/more.jpg", "val", False),
    ]


def test_a_project_in_each_folder_has_its_own_meta(tmp_path: Path) -> None:
    for name, shape, title in (("one", "rectangle", "a"), ("two", "polygon", "b")):
        make(tmp_path / name, [figure("cat", None, [[0, 0], [9, 9]])])
        (tmp_path / name / "meta.json").write_text(meta([{"title": title}, {"title": "cat", "shape": shape}]), "utf-8")
    found = events(tmp_path)
    assert [len(record.annotations) for record in records(found)] == [1, 0]
    assert [event.names for event in found if isinstance(event, ClassOrder)] == [("a", "cat"), ("b", "cat")]


@pytest.mark.parametrize("name", ["A.JPG.json", "a.json", "a.jpg.json"])
def test_the_image_is_found(tmp_path: Path, name: str) -> None:
    image = picture(tmp_path / "ds/img/a.jpg")
    (tmp_path / "ds/ann").mkdir()
    (tmp_path / "ds/ann" / name).write_text(document([]), "utf-8")
    assert [record.path for record in records(events(tmp_path))] == [image]


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    make(tmp_path, []).rename(tmp_path / "ds/ann/gone.png.json")
    assert records(events(tmp_path))[0].path.name == "gone.png"


def test_sizes(tmp_path: Path) -> None:
    for size, expected in (
        ({"width": 100, "height": 50}, (100, 50)),
        ({"width": 0, "height": 50}, None),
        ({"width": "100", "height": 50}, None),
        ([100, 50], None),
        (None, None),
    ):
        make(tmp_path, [], size=size)
        assert records(events(tmp_path))[0].size == expected


@pytest.mark.parametrize(
    "content",
    [
        '{"description": "", "tags": [], "size": {}, "objects": [',
        '{"description": "", "tags": [], "size": {}}',
        '{"size": {}, "objects": 5}',
        '{"size": {}, "objects": {}}',
    ],
)
def test_a_file_that_is_not_supervisely(tmp_path: Path, content: str) -> None:
    path = make(tmp_path, [])
    path.write_text(content, "utf-8")
    assert FORMATS["supervisely"].sniff(Tree(tmp_path))
    with pytest.raises(ParseError) as caught:
        events(tmp_path)
    assert caught.value.file == path


@pytest.mark.parametrize("content", ['{"classes": 5}', '{"classes": [5]}', '{"classes": [{}]}', '{"classes": ['])
def test_a_meta_that_is_none(tmp_path: Path, content: str) -> None:
    make(tmp_path, [])
    (tmp_path / "meta.json").write_text(content, "utf-8")
    with pytest.raises(ParseError) as caught:
        events(tmp_path)
    assert caught.value.file == tmp_path / "meta.json"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = make(tmp_path, [])
    text = json.dumps(json.loads(document([figure("Größe", "rectangle", [[0, 0], [9, 9]])])), ensure_ascii=False)
    path.write_bytes(text.encode(encoding))
    assert FORMATS["supervisely"].sniff(Tree(tmp_path))
    assert records(events(tmp_path))[0].annotations[0].name == "Größe"


def test_a_video_is_another_format(tmp_path: Path) -> None:
    path = make(tmp_path, [])
    path.write_text('{"size": {}, "framesCount": 5, "objects": [], "frames": []}', "utf-8")
    assert FORMATS["supervisely"].sniff(Tree(tmp_path)) is None
