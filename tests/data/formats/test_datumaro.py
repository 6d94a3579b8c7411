from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.reading import Source, peer_boxes, read_all, write_json
from support.sources import datumaro as example
from support.sources.datumaro import CATEGORIES, entry

from yolo_tl.data.formats import datumaro as module
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError


def read(folder: Path, *annotations: Any, categories: Any = CATEGORIES, **item: Any) -> Source:
    items = [{"id": "a", "annotations": list(annotations), "image": {"path": "a.jpg", "size": [50, 100]}, **item}]
    write_json(folder / "x.json", {"categories": categories, "items": items}, ("a.jpg",))
    return read_all("datumaro", folder)


def test_the_example(tmp_path: Path) -> None:
    example.write(tmp_path)
    assert module.sniff(Tree(tmp_path)) == "2 JSON files with categories and items: annotations/train.json"
    source = read_all("datumaro", tmp_path)
    assert [(r.path.parent.name, r.path.name, r.split) for r in source.records] == [
        ("train", "a.jpg", "train"),
        ("train", "b.png", "train"),  # known by its id alone
        ("val", "a.jpg", "val"),
    ]
    assert source.records[0].size == (100, 50)  # written as [height, width]
    box, grouped, mask, oval, points, turned, tag, last = source.annotations
    assert (box.name, box.box) == ("cat", (10, 5, 30, 35))
    assert (grouped.name, grouped.box, grouped.crowd) == ("dog", (40, 20, 60, 30), True)
    assert grouped.parts == ((40, 20, 45, 20, 45, 30), (55, 20, 60, 20, 60, 30))
    assert mask.parts == ((1, 1, 2, 1, 2, 3, 1, 3),)
    assert oval.box is None
    assert (min(oval.parts[0][::2]), max(oval.parts[0][1::2])) == (10, 20)
    assert points.keypoints == (5, 6, 2, 7, 8, 1)
    assert turned.corners == (55, 15, 55, 35, 45, 35, 45, 15)
    assert turned.difficult
    assert (tag.name, tag.is_tag) == ("dog", True)
    assert last.box == (1, 2, 4, 6)
    assert source.reasons == ["unsupported_shape", "not_an_object"]
    assert source.classes[:3] == ("dog", "cat", "man")
    assert source.keypoints == ("head", "foot")


def test_several_boxes_of_one_group_are_several_objects(tmp_path: Path) -> None:
    source = read(
        tmp_path,
        entry("bbox", 0, bbox=[1, 1, 2, 2], group=4),
        entry("bbox", 0, bbox=[5, 5, 2, 2], group=4),
        entry("bbox", 1, bbox=[1, 1, 2, 2], group=4),
        entry("polygon", 1, points=[1, 1, 3, 1, 3, 3], group=4),
        entry("polygon", 1, points=[1, 1, 3, 1, 3, 3], group=0),
        entry("polygon", 1, points=[1, 1, 3, 1, 3, 3], group=0),
    )
    assert [(a.name, a.box, len(a.parts)) for a in source.annotations] == [
        ("dog", (1, 1, 3, 3), 0),
        ("dog", (5, 5, 7, 7), 0),
        ("cat", (1, 1, 3, 3), 1),
        ("cat", None, 1),
        ("cat", None, 1),
    ]


def test_skeletons_of_cvat(tmp_path: Path) -> None:
    labels = [{"name": n, "parent": p} for n, p in (("man", ""), ("foot", "man"), ("head", "man"), ("cat", None))]
    categories = {"label": {"labels": labels}, "points": {"items": [{"label_id": 0, "labels": ["head", "foot"]}]}}
    elements = [entry("points", 1, points=[7, 8], visibility=[1]), entry("points", 2, points=[5, 6], visibility=[2])]
    source = read(tmp_path, entry("skeleton", 0, elements=elements), categories=categories)
    assert source.annotations[0].keypoints == (5, 6, 2, 7, 8, 1)
    assert source.classes == ("man", "cat")  # the points are no classes
    partial = read(tmp_path, entry("skeleton", 0, elements=elements[1:]), categories=categories)
    assert partial.annotations[0].keypoints == (5, 6, 2, 0, 0, 0)


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (entry("bbox", None, bbox=[1, 1, 2, 2]), "no_class"),
        (entry("bbox", 9, bbox=[1, 1, 2, 2]), "unknown_category"),
        (entry("bbox", -1, bbox=[1, 1, 2, 2]), "unknown_category"),
        (entry("bbox", "x", bbox=[1, 1, 2, 2]), "malformed"),
        (entry("bbox", 0, bbox=[1, 1, 2]), "malformed"),
        (entry("bbox", 0, bbox=[1, 1, 2, "abc"]), "malformed"),
        (entry("bbox", 0), "malformed"),
        (entry("bbox", 0, bbox=[1, 1, 2, 2], attributes={"rotation": "left"}), "malformed"),
        (entry("polygon", 0, points=[1, 1, 2, 2]), "malformed"),
        (entry("polygon", 0, points=[1, 1, 2, 2, 3, 3, 4]), "malformed"),
        (entry("mask", 0, rle={"counts": "525", "size": [3, 3]}), "malformed"),
        (entry("mask", 0, rle={"counts": [12], "size": [4, 3]}), "malformed"),  # no pixel
        (entry("mask", 0, rle=None), "malformed"),
        (entry("points", 0, points=[1, 1]), "unsupported_shape"),  # a class without a skeleton
        (entry("points", 2, points=[1, 1, 2, 2, 3, 3]), "malformed"),
        (entry("points", 2, points=[1, 1, 2, 2], visibility=[2]), "malformed"),
        (entry("cuboid_3d", 0), "unsupported_shape"),
        (entry("hash_key", None), "not_an_object"),
        ({}, "no_class"),
        (5, "malformed"),
    ],
)
def test_one_malformed_annotation_costs_itself(annotation: Any, reason: str, tmp_path: Path) -> None:
    source = read(tmp_path, annotation, entry("bbox", 1, bbox=[1, 1, 2, 2]))
    assert source.reasons == [reason]
    assert source.dropped[0].place == "item a.jpg, annotation 1"
    assert [a.name for a in source.annotations] == ["cat"]


@pytest.mark.parametrize("attributes", [None, [], 5, {}])
def test_attributes_may_be_anything(attributes: Any, tmp_path: Path) -> None:
    assert read(tmp_path, entry("bbox", 0, bbox=[1, 1, 2, 2], attributes=attributes)).annotations


@pytest.mark.parametrize("size", [None, [50], [0, 100], ["a", 2], 5])
def test_sizes_that_are_none(size: Any, tmp_path: Path) -> None:
    assert read(tmp_path, image={"path": "a.jpg", "size": size}).records[0].size is None


def test_images(tmp_path: Path) -> None:
    names = ("x/frame 1.jpg", "y/frame 1.jpg", "7.png", "deep/a.b.jpg", "extra.jpg")
    items = [
        {"id": "x/frame 1", "annotations": []},
        {"id": "0", "image": {"path": "C:\\data\\y\\frame 1.jpg"}},
        {"id": 7},
        {"id": "deep/a.b"},
        {"id": "gone"},
        {"id": "../../gone.jpg"},
        {"id": "cloud", "point_cloud": {"path": "a.pcd"}, "annotations": [entry("bbox", 0, bbox=[1, 1, 2, 2])]},
    ]
    write_json(tmp_path / "default.json", {"categories": CATEGORIES, "items": items}, names)
    source = read_all("datumaro", tmp_path)
    paths = [record.path.relative_to(tmp_path).as_posix() for record in source.records]
    assert paths == [*names[:4], "gone.jpg", "gone.jpg"]
    assert source.reasons == ["no_image"]
    assert source.notes == ["1 images are in no annotation file and are left out, first: extra.jpg"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"categories": {"label": {"labels": [{"parent": ""}]}}, "items": []}, r"x.json \(categories\): .*`name`"),
        ({"categories": [], "items": 5}, r"x.json \(items\): expected a list, found 5"),
        ({"categories": [1], "items": []}, r"x.json \(categories\): expected `object`"),
        ({"categories": {"label": 5}, "items": []}, r"x.json \(categories\)"),
    ],
)
def test_a_broken_file_is_named(content: Any, message: str, tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", content)
    assert module.sniff(Tree(tmp_path))
    with pytest.raises(ParseError, match=message):
        read_all("datumaro", tmp_path)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"categories": {}, "items": [{"id": ')
    assert module.sniff(Tree(tmp_path))
    with pytest.raises(ParseError, match="x.json:1: malformed JSON"):
        read_all("datumaro", tmp_path)


@pytest.mark.parametrize("item", [5, None, {"id": None}, {"id": ["a"]}, {}])
def test_items_that_are_none(item: Any, tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"categories": CATEGORIES, "items": [item]}, ("a.jpg",))
    assert not read_all("datumaro", tmp_path).records


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    categories = {"label": {"labels": [{"name": "Ärger"}]}}
    items = [{"id": "a", "annotations": [entry("bbox", 0, bbox=[1, 1, 2, 2])]}]
    write_json(tmp_path / "x.json", {"categories": categories, "items": items}, ("a.jpg",), encoding)
    assert module.sniff(Tree(tmp_path))
    assert read_all("datumaro", tmp_path).annotations[0].name == "Ärger"


def test_a_peer_reads_the_same_boxes(tmp_path: Path) -> None:
    source = read(tmp_path, entry("bbox", 0, bbox=[10, 5, 20, 30]), entry("bbox", 1, bbox=[1.5, 2, 3, 4]))
    wanted = [annotation.box for annotation in source.annotations]
    assert peer_boxes("datumaro", tmp_path / "x.json") == [pytest.approx(box, abs=0.01) for box in wanted]
