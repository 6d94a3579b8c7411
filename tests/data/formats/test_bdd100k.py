from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture
from support.reading import Source, read_all, write_json
from support.sources import bdd100k as example

from yolo_tl.data.formats import bdd100k as module
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError


def box(category: Any = "car", x1: Any = 10, y1: Any = 5, x2: Any = 29, y2: Any = 34, **more: Any) -> dict[str, Any]:
    return {"category": category, "box2d": {"x1": x1, "y1": y1, "x2": x2, "y2": y2}, **more}


def poly(points: list[list[float]], types: str | None = None, closed: bool = True) -> dict[str, Any]:
    types = "L" * len(points) if types is None else types
    return {"category": "car", "poly2d": [{"vertices": points, "types": types, "closed": closed}]}


def read(folder: Path, *labels: Any, **frame: Any) -> Source:
    write_json(folder / "x.json", [{"name": "a.jpg", "labels": list(labels), **frame}], ("a.jpg",))
    return read_all("bdd100k", folder)


def test_the_example(tmp_path: Path) -> None:
    example.write(tmp_path)
    assert module.sniff(Tree(tmp_path)) == "1 JSON files with frames: labels/box_track_train.json"
    source = read_all("bdd100k", tmp_path)
    assert source.names() == ["a.jpg", "b.jpg", "c.jpg"]
    assert [record.group for record in source.records] == ["v1", "v1", None]
    assert {record.split for record in source.records} == {"train"}
    assert {record.size for record in source.records} == {(100, 50)}
    assert all(record.labelled for record in source.records)  # Scalabel leaves out what is empty
    car, person, truck, bus = source.annotations
    assert car.box == (10, 5, 30, 35)  # inclusive corners
    assert person.box == (0, 0, 100, 50)
    assert (car.crowd, person.crowd) == (False, True)
    assert truck.box is None
    assert truck.parts[0] == (10, 10, 30, 10, 30, 30, 10, 30)
    assert bus.parts == ((1, 1, 2, 1, 2, 3, 1, 3),)
    assert source.classes == ("person", "car", "truck", "bus")  # the leaves of the configuration
    assert [(item.reason, item.place) for item in source.dropped] == [("not_an_object", "frame a.jpg, label 5")]


def test_a_curve_is_a_cubic(tmp_path: Path) -> None:
    straight = [[0, 0], [10, 0], [20, 0], [30, 0], [30, 9]]
    (found,) = read(tmp_path, poly(straight, "LCCLL")).annotations
    xs = found.parts[0][::2]
    assert len(xs) == 1 + 16 + 1
    assert xs[:17] == pytest.approx([30 * i / 16 for i in range(17)])  # evenly spaced controls: an even line
    (arch,) = read(tmp_path, poly([[0, 0], [0, 10], [10, 10], [10, 0]], "LCCC")).annotations
    assert (5.0, 7.5) in list(zip(arch.parts[0][::2], arch.parts[0][1::2], strict=True))  # the middle of the curve
    closing = read(tmp_path, poly([[0, 0], [10, 0], [10, 10], [0, 10]], "LLCC")).annotations[0]
    assert closing.parts[0][:4] == (0, 0, 10, 0)
    assert len(closing.parts[0]) == 2 * (2 + 15)  # it ends where it began, and that is not repeated


@pytest.mark.parametrize(
    "polygon",
    [
        poly([[0, 0], [1, 1]]),
        poly([[0, 0], [9, 0], [9, 9]], "LL"),
        poly([[0, 0], [9, 0], [9, 9]], "LLX"),
        poly([[0, 0], [9, 0], [9, 9]], "LLC"),
        {"category": "car", "poly2d": [{"vertices": [[1, 2, 3]] * 3}]},
        {"category": "car", "poly2d": [{"vertices": [["a", 2]] * 3}]},
        {"category": "car", "poly2d": 5},
        {"category": "car", "rle": {"counts": "525"}},
        {"category": "car", "rle": {"counts": "9", "size": [4, 3]}},
        {"category": "car", "rle": {"counts": [1, 2], "size": [4, 3]}},
        {"category": "car", "rle": {"counts": "525", "size": [10**12, 3]}},
        box(x1="abc"),
        box(x1=None),
        box(x1=True),
        {"category": "car", "box2d": {"x1": 1}},
        {"category": "car", "box2d": [1, 2, 3, 4]},
        3,
        None,
    ],
)
def test_one_malformed_label_costs_itself(polygon: Any, tmp_path: Path) -> None:
    source = read(tmp_path, polygon, box("dog"))
    assert source.reasons == ["malformed"]
    assert source.dropped[0].place == "frame a.jpg, label 1"
    assert [a.name for a in source.annotations] == ["dog"]


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ({"category": "drivable area", "poly2d": poly([[0, 0], [9, 0], [9, 9]])["poly2d"]}, "not_an_object"),
        ({"category": "area/drivable", "poly2d": [[1, 1, "L"]]}, "not_an_object"),
        ({"category": "lane/road curb", "poly2d": [[1, 1, "L"]]}, "not_an_object"),
        (poly([[0, 0], [9, 0], [9, 9]], closed=False), "not_an_object"),
        ({"category": "car"}, "no_box"),
        ({"category": "car", "box2d": None, "poly2d": None}, "no_box"),
        ({"category": "car", "box3d": {"alpha": 0}}, "unsupported_shape"),
        ({"category": "person", "graph": {"nodes": []}}, "unsupported_shape"),
        (box(category=None), "no_class"),
        (box(category=""), "no_class"),
    ],
)
def test_what_is_no_object(label: Any, reason: str, tmp_path: Path) -> None:
    source = read(tmp_path, label)
    assert source.reasons == [reason]
    assert not source.annotations


def test_swapped_corners_keep_their_pixel(tmp_path: Path) -> None:
    assert read(tmp_path, box(x1=29, x2=10, y1=34, y2=5)).annotations[0].box == (30, 35, 10, 5)
    assert read(tmp_path, box(x1=7, x2=7, y1=9, y2=9)).annotations[0].box == (7, 9, 8, 10)


def test_the_raw_labels_of_2018(tmp_path: Path) -> None:
    objects = [
        {"category": "car", "id": 0, "attributes": {}, "box2d": box()["box2d"]},
        {"category": "bus", "id": 1, "poly2d": [[0, 0, "L"], [9, 0, "L"], [9, 9, "L"]]},
    ]
    raw = {"name": "b1c6", "attributes": {}, "frames": [{"timestamp": 10000, "objects": objects}]}
    write_json(tmp_path / "labels" / "val" / "b1c6.json", raw)
    write_json(tmp_path / "labels" / "val" / "ffff.json", {"name": "ffff", "frames": [{"timestamp": 1, "objects": []}]})
    for name in ("b1c6", "ffff"):
        picture(tmp_path / "images" / f"{name}.jpg")
    assert module.sniff(Tree(tmp_path)) == "2 JSON files with frames: labels/val/b1c6.json"
    source = read_all("bdd100k", tmp_path)
    assert source.names() == ["b1c6.jpg", "ffff.jpg"]
    assert [a.name for a in source.annotations] == ["car", "bus"]
    assert source.annotations[1].parts == ((0, 0, 9, 0, 9, 9),)
    assert {record.split for record in source.records} == {"val"}
    assert all(record.labelled for record in source.records)


def test_only_the_first_of_several_frames_has_the_name_of_the_file(tmp_path: Path) -> None:
    frames = [{"timestamp": i, "objects": [box()]} for i in range(2)]
    write_json(tmp_path / "x.json", {"name": "a", "frames": frames}, ("a.jpg",))
    source = read_all("bdd100k", tmp_path)
    assert len(source.annotations) == 1
    assert source.reasons == ["no_image"]


def test_a_list_without_any_labels_is_not_labelled(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", [{"name": "a.jpg", "timestamp": 1}, {"name": "b.jpg"}], ("a.jpg", "b.jpg"))
    assert [record.labelled for record in read_all("bdd100k", tmp_path).records] == [False, False]
    write_json(tmp_path / "x.json", [{"name": "a.jpg", "labels": None}, {"name": "b.jpg"}])
    assert [record.labelled for record in read_all("bdd100k", tmp_path).records] == [True, True]


def test_notes(tmp_path: Path) -> None:
    source = read(tmp_path, box("person"), box("pedestrian"), box("car", graph={"nodes": []}))
    assert source.notes == [
        "1 labels have a graph beside their box: keypoints are not read",
        "class names of 2018 and of 2020 both appear and are kept as written: pedestrian, person",
    ]


def test_frames_of_two_videos_with_one_name(tmp_path: Path) -> None:
    frames = [{"name": "1.jpg", "videoName": name, "labels": [box(name)]} for name in ("v1", "v2")]
    write_json(tmp_path / "x.json", frames, ("v1/1.jpg", "v2/1.jpg"))
    source = read_all("bdd100k", tmp_path)
    assert [(r.path.parent.name, r.annotations[0].name) for r in source.records] == [("v1", "v1"), ("v2", "v2")]


@pytest.mark.parametrize(
    "content",
    [b'[{"name": "a.jpg", "labels": [', b'{"frames": [{"name": "a.jpg"', b'[{"name": "a.jpg", "labels": []}, '],
)
def test_a_truncated_file_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(content)
    assert module.sniff(Tree(tmp_path))
    with pytest.raises(ParseError, match="x.json:1: malformed JSON"):
        read_all("bdd100k", tmp_path)


@pytest.mark.parametrize("frame", [5, None, "a", []])
def test_frames_that_are_none(frame: Any, tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", [{"name": "a.jpg", "labels": [box()]}, frame], ("a.jpg",))
    source = read_all("bdd100k", tmp_path)
    assert source.names() == ["a.jpg"]
    assert source.reasons == ["malformed"]
    write_json(tmp_path / "x.json", [{"name": "a.jpg", "labels": 5}])
    assert read_all("bdd100k", tmp_path).reasons == ["malformed"]


def test_other_lists_of_frames_are_not_ours(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"frames": {"a.jpg": []}, "inputTags": "car"})  # VoTT 1
    write_json(tmp_path / "y.json", {"frames": [{"file_path": "a", "transform_matrix": []}]})
    assert module.sniff(Tree(tmp_path)) is None


def test_numbers_that_are_not_finite_are_left_to_cleaning(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    text = json.dumps([{"name": "a.jpg", "labels": [box()]}]).replace('"x1": 10', '"x1": NaN')
    (tmp_path / "x.json").write_text(text)
    assert str(read_all("bdd100k", tmp_path).annotations[0].box).startswith("(nan, 5.0, ")
