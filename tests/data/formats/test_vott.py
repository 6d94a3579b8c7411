from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture
from support.reading import peer_boxes
from support.sources.vott import TAGGED, VISITED, asset, box, export

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError


def events(source: Path) -> list[Event]:
    return list(FORMATS["vott"].read(Tree(source), ReadOptions()))


def records(found: list[Event]) -> list[ImageRecord]:
    return [event for event in found if isinstance(event, ImageRecord)]


def reasons(found: list[Event]) -> list[tuple[str, str]]:
    return [(event.place, event.reason) for event in found if isinstance(event, Dropped)]


def notes(found: list[Event]) -> str:
    return "\n".join(event.text for event in found if isinstance(event, Note))


def one(source: Path, *regions: Any, **more: Any) -> tuple[ImageRecord, list[tuple[str, str]]]:
    picture(source / "a.jpg")
    (source / "x-export.json").write_text(export([asset("a.jpg", TAGGED, list(regions), **more)]), "utf-8")
    found = events(source)
    return records(found)[0], reasons(found)


def test_regions(tmp_path: Path) -> None:
    outline = box(["cat"], 0, 0, 30, 30, "POLYGON") | {"points": [{"x": x, "y": x * x} for x in (0, 3, 5)]}
    corners = box(["cat"], 1, 2, 30, 20) | {"boundingBox": None}
    record, dropped = one(
        tmp_path,
        box(["cat", "dog", "cat"], 1.5, 2.5, 30, 20),
        box(["dog"], 1, 2, 3, 4, "SQUARE"),
        outline,
        corners,
        box([" new "], -5, 0, 500, 20),
    )
    place = "a.jpg, region"
    assert not dropped
    assert record.annotations == (
        Annotation("cat", (1.5, 2.5, 31.5, 22.5), f"{place} 1"),
        Annotation("dog", (1.5, 2.5, 31.5, 22.5), f"{place} 1"),
        Annotation("dog", (1, 2, 4, 6), f"{place} 2"),
        Annotation("cat", (0, 0, 30, 30), f"{place} 3", parts=((0, 0, 3, 9, 5, 25),)),
        Annotation("cat", (1, 2, 31, 22), f"{place} 4"),
        Annotation("new", (-5, 0, 495, 20), f"{place} 5"),
    )
    assert record.size == (100, 50)
    assert ClassOrder(("dog", "cat")) in events(tmp_path)


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        (box(["cat"], 0, 0, 5, 5, "POLYLINE"), "unsupported_shape"),
        (box(["cat"], 0, 0, 5, 5, "POINT"), "unsupported_shape"),
        (box(["cat"], 0, 0, 5, 5, 7), "unsupported_shape"),  # type: ignore[arg-type]
        (box([], 0, 0, 5, 5), "no_class"),
        (box(None, 0, 0, 5, 5), "no_class"),  # type: ignore[arg-type]
        (box([""], 0, 0, 5, 5), "no_class"),
        (box([None], 0, 0, 5, 5), "no_class"),  # type: ignore[list-item]
        (box(5, 0, 0, 5, 5), "malformed"),  # type: ignore[arg-type]
        ({"tags": ["cat"], "type": "RECTANGLE"}, "no_box"),
        ({"tags": ["cat"], "type": "RECTANGLE", "points": [{"x": 1, "y": 1}]}, "no_box"),
        ({"tags": ["cat"], "type": "POLYGON", "points": [{"x": 1, "y": 1}]}, "too_few_points"),
        (box(["cat"], 0, 0, 5, 5) | {"points": [{"x": 1}]}, "malformed"),
        (box(["cat"], 0, 0, 5, 5) | {"boundingBox": {"left": 1}}, "malformed"),
        (box(["cat"], 0, 0, 5, 5) | {"boundingBox": {"left": "x", "top": 0, "width": 1, "height": 1}}, "malformed"),
        (5, "malformed"),
        (None, "malformed"),
    ],
)
def test_a_region_of_which_nothing_can_be_made(tmp_path: Path, region: Any, reason: str) -> None:
    record, dropped = one(tmp_path, box(["dog"], 0, 0, 5, 5), region)
    assert [a.name for a in record.annotations] == ["dog"]
    assert dropped == [("a.jpg, region 2", reason)]


def test_numbers_that_are_not_finite_are_left_to_cleaning(tmp_path: Path, ingest: Callable[..., Any]) -> None:
    one(tmp_path, box(["cat"], 77, 0, 5, 5))
    path = tmp_path / "x-export.json"
    text = path.read_text("utf-8")
    for number in ("NaN", "Infinity", "1e999"):
        path.write_text(text.replace("77", number), "utf-8")
        _, ledger = ingest("vott", tmp_path)
        assert ledger.dropped.counts == {"not_finite": 1}, number


def test_the_state_of_an_asset(tmp_path: Path) -> None:
    for name in "abcde":
        picture(tmp_path / f"{name}.jpg")
    assets = [
        asset("a.jpg", TAGGED, [box(["cat"], 0, 0, 5, 5)]),
        asset("b.jpg", VISITED, []),
        asset("c.jpg", 0, []),
        asset("d.jpg", 0, [box(["cat"], 0, 0, 5, 5)]),
    ]
    (tmp_path / "x-export.json").write_text(export(assets), "utf-8")
    found = events(tmp_path)
    assert [record.labelled for record in records(found)] == [True, True, False, True]
    assert "1 images are in no annotation file and are left out, first: e.jpg" in notes(found)


def test_files_of_single_assets(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        picture(tmp_path / name)
        content = asset(name, TAGGED, [box(["cat"], 0, 0, 5, 5)])
        (tmp_path / f"id-{name}-asset.json").write_text(json.dumps(content), "utf-8")
    assert FORMATS["vott"].sniff(Tree(tmp_path)) == "JSON files of VoTT: 2 of one asset and its regions"
    assert [len(record.annotations) for record in records(events(tmp_path))] == [1, 1]
    one(tmp_path, box(["dog"], 0, 0, 5, 5))
    found = events(tmp_path)
    assert [(r.path.name, r.annotations[0].name) for r in records(found)] == [("a.jpg", "dog"), ("b.jpg", "cat")]
    assert "1 files of single assets are in an export as well and are not read" in notes(found)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a b.jpg", "file:/C:/Users/me/a%20b.jpg"),
        ("a b.jpg", "https://me.blob.core.windows.net/x/a%20b.jpg?sv=2018&sig=1"),
        ("A B.JPG", ""),
        ("", "file:/home/me/a%20b.jpg"),
        ("../../a b.jpg", "file:/../../a b.jpg"),
        ("sub\\a b.jpg", ""),
    ],
)
def test_the_image_is_found(tmp_path: Path, name: str, path: str) -> None:
    image = picture(tmp_path / "images/a b.jpg")
    (tmp_path / "x.json").write_text(export([asset(name, TAGGED, [], path=path)]), "utf-8")
    assert [record.path for record in records(events(tmp_path))] == [image]


def test_two_images_of_one_name_differ_by_the_folders_of_their_paths(tmp_path: Path) -> None:
    one_, two = picture(tmp_path / "one/x.jpg"), picture(tmp_path / "two/x.jpg")
    assets = [asset("x.jpg", TAGGED, [], id=folder, path=f"file:D:/data/{folder}/x.jpg") for folder in ("two", "one")]
    (tmp_path / "x.json").write_text(export(assets), "utf-8")
    assert [record.path for record in records(events(tmp_path))] == [two, one_]


def test_frames_of_a_video_belong_together(tmp_path: Path) -> None:
    image = picture(tmp_path / "film.mp4#t=1.5.jpg")
    film = asset("film.mp4#t=1.5", TAGGED, [], type=3, parent={"name": "film.mp4"})
    (tmp_path / "x.json").write_text(export([film]), "utf-8")
    assert [(record.path, record.group) for record in records(events(tmp_path))] == [(image, "film.mp4")]


def frame(tags: Any, x1: float, y1: float, x2: float, y2: float, **more: Any) -> dict[str, Any]:
    return {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "width": 200, "height": 100, "type": "rect", "tags": tags, **more}


def version_1(source: Path, frames: dict[str, Any], visited: list[Any]) -> list[Event]:
    content = {"frames": frames, "framerate": "1", "inputTags": "dog, cat,", "visitedFrames": visited}
    (source / "images.json").write_text(json.dumps(content), "utf-8")
    return events(source)


def test_version_1(tmp_path: Path) -> None:
    for name in "abcd":
        picture(tmp_path / f"{name}.jpg")
    frames = {
        "a.jpg": [
            frame(["cat", "dog"], 20, 10, 60, 50),
            frame(["cat"], 10, 5, 30, 25, width=100, height=50),
            frame(["cat"], 20, 10, 60, 50, width=None),
            frame(["cat"], 20, 10, 60, 50, type="polygon"),
            frame([], 20, 10, 60, 50),
            frame(["cat"], "x", 10, 60, 50),  # type: ignore[arg-type]
            7,
        ],
        "b.jpg": [],
        "c.jpg": None,
    }
    found = version_1(tmp_path, frames, ["a.jpg", "b.jpg", "d.jpg"])
    assert ClassOrder(("dog", "cat")) in found
    images = {record.path.name: record for record in records(found)}
    assert images["a.jpg"].relative
    assert [(a.name, a.box) for a in images["a.jpg"].annotations] == [
        ("cat", (0.1, 0.1, 0.3, 0.5)),
        ("dog", (0.1, 0.1, 0.3, 0.5)),
        ("cat", (0.1, 0.1, 0.3, 0.5)),
        ("cat", (0.1, 0.1, 0.3, 0.5)),
    ]
    assert {name: record.labelled for name, record in images.items()} == {
        "a.jpg": True,
        "b.jpg": True,
        "c.jpg": False,
        "d.jpg": True,
    }
    assert reasons(found) == [
        ("frame a.jpg, region 4", "unsupported_shape"),
        ("frame a.jpg, region 5", "no_class"),
        ("frame a.jpg, region 6", "malformed"),
        ("frame a.jpg, region 7", "malformed"),
    ]


def test_frames_by_number_name_no_image(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    found = version_1(tmp_path, {"0": [frame(["cat", "dog"], 1, 2, 3, 4)]}, [0, 1])
    assert reasons(found) == [("frame 0, region 1", "unknown_image")] * 2
    assert not records(found)
    assert "1 frames have a number for a name" in notes(found)


@pytest.mark.parametrize(
    "content",
    [
        '{"tags": [], "assets": {"a": {"asset": {"name": "a.jpg"}, "regions": [',
        '{"tags": [], "assets": []}',
        '{"tags": 5, "assets": {}}',
        '{"tags": [], "assets": {"a": 5}}',
        '{"tags": [], "assets": {"a": {"regions": []}}}',
        '{"tags": [], "assets": {"a": {"asset": {"id": "a"}, "regions": []}}}',
        '{"asset": {"name": 5}, "regions": []}',
        '{"asset": {"name": "a.jpg"}, "regions": {}}',
        '{"frames": [], "inputTags": ""}',
        '{"frames": {"a.jpg": 5}, "inputTags": ""}',
    ],
)
def test_a_file_that_is_not_vott(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, "utf-8")
    assert FORMATS["vott"].sniff(Tree(tmp_path))
    with pytest.raises(ParseError) as caught:
        events(tmp_path)
    assert caught.value.file == path


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    picture(tmp_path / "ä.jpg")
    text = json.dumps(json.loads(export([asset("ä.jpg", TAGGED, [box(["Ärger"], 0, 0, 5, 5)])])), ensure_ascii=False)
    (tmp_path / "x.json").write_bytes(text.encode(encoding))
    assert FORMATS["vott"].sniff(Tree(tmp_path))
    (record,) = records(events(tmp_path))
    assert (record.path.name, record.annotations[0].name) == ("ä.jpg", "Ärger")


def test_splits_of_folders(tmp_path: Path) -> None:
    picture(tmp_path / "val/a.jpg")
    (tmp_path / "x.json").write_text(export([asset("a.jpg", TAGGED, []), asset("gone.jpg", TAGGED, [])]), "utf-8")
    assert [(record.path, record.split) for record in records(events(tmp_path))] == [
        (tmp_path / "val/a.jpg", "val"),
        (tmp_path / "gone.jpg", None),
    ]


def test_panlabel_reads_the_same_boxes(tmp_path: Path) -> None:
    record, _ = one(tmp_path, box(["cat"], 1.5, 2.5, 30, 20), box(["dog"], 10, 20, 5, 5))
    assert sorted(peer_boxes("vott-json", tmp_path / "x-export.json")) == sorted(
        a.box for a in record.annotations if a.box
    )
