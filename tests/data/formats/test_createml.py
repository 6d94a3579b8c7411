from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture
from support.reading import peer_boxes, read_all, write_json
from support.sources import createml as example

from yolo_tl.data.formats import createml as module
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, ParseError


def row(*boxes: tuple[Any, ...], image: Any = "a.jpg") -> dict[str, Any]:
    found = [
        {"label": label, "coordinates": dict(zip(("x", "y", "width", "height"), box, strict=True))}
        for label, *box in boxes
    ]
    return {"image": image, "annotations": found}


def test_the_example(tmp_path: Path) -> None:
    example.write(tmp_path)
    assert module.sniff(Tree(tmp_path)) == "1 JSON arrays with image and annotations: _annotations.createml.json"
    source = read_all("createml", tmp_path)
    assert [[(a.name, a.box) for a in record.annotations] for record in source.records] == [
        [("cat", (10, 5, 30, 35)), ("3", (0, 0, 101, 50))],  # x and y are the centre; nothing is clipped here
        [],
        [("dog", (8, 8, 12, 12))],
    ]
    assert source.names() == ["a.jpg", "b.jpg", "c.jpg"]
    assert not source.dropped
    assert not source.notes
    assert not any(record.relative for record in source.records)


def test_shares_are_recognised_because_nothing_exceeds_1(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", [row(("cat", 0.5, 0.5, 0.2, 1))], ("a.jpg",))
    source = read_all("createml", tmp_path)
    assert source.records[0].relative
    assert source.annotations[0].box == pytest.approx((0.4, 0, 0.6, 1))
    assert "no coordinate exceeds 1" in source.notes[0]
    write_json(tmp_path / "x.json", [row(("cat", 0.5, 0.5, 0.2, 1), ("cat", 5, 5, 2, 2))])
    assert not read_all("createml", tmp_path).records[0].relative
    assert read_all("createml", tmp_path, normalized=True).records[0].relative


def test_labels_of_whole_images(tmp_path: Path) -> None:
    rows = [{"image": "a.jpg", "annotation": "cat"}, {"image": "b.jpg", "annotations": ["cat", "dog"]}]
    write_json(tmp_path / "x.json", rows, ("a.jpg", "b.jpg"))
    source = read_all("createml", tmp_path)
    assert [(a.name, a.is_tag) for a in source.annotations] == [("cat", True), ("cat", True), ("dog", True)]


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({"coordinates": {"x": 1, "y": 1, "width": 1, "height": 1}}, "no_class"),
        ({"label": " ", "coordinates": {}}, "no_class"),
        ({"label": True, "coordinates": {}}, "no_class"),
        ({"label": "cat"}, "no_box"),
        ({"label": "cat", "coordinates": None}, "no_box"),
        ({"label": "cat", "coordinates": {"x": 1, "y": 1, "width": 1}}, "malformed"),
        ({"label": "cat", "coordinates": {"x": "abc", "y": 1, "width": 1, "height": 1}}, "malformed"),
        ({"label": "cat", "coordinates": {"x": None, "y": 1, "width": 1, "height": 1}}, "malformed"),
        ({"label": "cat", "coordinates": {"x": 10**400, "y": 1, "width": 1, "height": 1}}, "malformed"),
        ({"label": "cat", "coordinates": [1, 2, 3, 4]}, "malformed"),
        (7, "malformed"),
        (None, "malformed"),
        ("", "no_class"),
    ],
)
def test_one_malformed_annotation_costs_itself(annotation: Any, reason: str, tmp_path: Path) -> None:
    rows = [{"image": "a.jpg", "annotations": [annotation, *row(("dog", 50, 20, 4, 4))["annotations"]]}]
    write_json(tmp_path / "x.json", rows, ("a.jpg",))
    source = read_all("createml", tmp_path)
    assert source.reasons == [reason]
    assert source.dropped[0].place == "image 1, annotation 1"
    assert [a.name for a in source.annotations] == ["dog"]


def test_numbers_that_are_not_finite_are_left_to_cleaning(tmp_path: Path) -> None:
    text = json.dumps([row(("cat", 1, 2, 3, 4))]).replace('"x": 1', '"x": 1e999').replace('"y": 2', '"y": NaN')
    picture(tmp_path / "a.jpg")
    (tmp_path / "x.json").write_text(text)
    (found,) = read_all("createml", tmp_path).annotations
    assert found.box is not None
    assert str(found.box) == "(inf, nan, inf, nan)"


def test_rows_without_an_image(tmp_path: Path) -> None:
    rows = [row(("cat", 1, 1, 1, 1)), row(("cat", 1, 1, 1, 1), image=None), {"image": 3}, 5]
    write_json(tmp_path / "x.json", rows, ("a.jpg", "extra.jpg"))
    source = read_all("createml", tmp_path)
    assert source.reasons == ["no_image"]
    assert source.dropped[0].place == "image 2, annotation 1"
    assert source.names() == ["a.jpg"]
    assert source.notes[0] == "x.json: image 3 is no object that names an image: an object of 1"
    assert source.notes[-1] == "1 images are in no annotation file and are left out, first: extra.jpg"


@pytest.mark.parametrize(
    "name", ["C:\\data\\A.JPG", "/home/else/a.jpg", "../../a.jpg", "https://host/a.jpg?key=1", "a.JPG"]
)
def test_paths_of_other_machines(name: str, tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", [row(image=name)], ("a.jpg",))
    assert read_all("createml", tmp_path).records[0].path == tmp_path / "a.jpg"


@pytest.mark.parametrize("name", ["../../gone.jpg", "/etc/gone.jpg", "..", "", "\x00", "a" * 5000, "\ud800"])
def test_a_missing_image_never_leads_out(name: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([row(image=name)]))
    (record,) = read_all("createml", tmp_path).records
    assert record.path.parent == tmp_path
    assert record.path.resolve().parent == tmp_path.resolve()
    assert not record.path.is_file()  # and asking is no error


def test_unicode_forms_and_folders(tmp_path: Path) -> None:
    rows = [row(image="Gro\u0308ße.jpg"), row(image="s1/x.jpg"), row(image="s2/x.jpg")]
    write_json(tmp_path / "train" / "x.json", rows, ("Gr\u00f6ße.jpg", "s1/x.jpg", "s2/x.jpg"))
    records = read_all("createml", tmp_path).records
    assert [record.path.name for record in records] == ["Gr\u00f6ße.jpg", "x.jpg", "x.jpg"]
    assert [record.path.parent.name for record in records] == ["train", "s1", "s2"]
    assert {record.split for record in records} == {"train"}
    write_json(tmp_path / "train" / "x.json", [row(image="x.jpg")])
    with pytest.raises(DataError, match="fits several images"):
        read_all("createml", tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", [row(("Ärger", 5, 5, 2, 2))], ("a.jpg",), encoding)
    assert module.sniff(Tree(tmp_path))
    assert read_all("createml", tmp_path).annotations[0].name == "Ärger"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"image": "a.jpg", "annotations": [', "x.json:1: malformed JSON"),
        ('[{"image": "a.jpg", "annotations": [{"label": "é"}]}]'.encode("latin-1"), "x.json:1: expected UTF-8 text"),
    ],
)
def test_a_broken_file_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(content)
    assert module.sniff(Tree(tmp_path))
    with pytest.raises(ParseError, match=message):
        read_all("createml", tmp_path)


def test_a_peer_reads_the_same_boxes(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", [row(("cat", 20, 20, 20, 30), ("dog", 50.5, 25, 9, 8.5))], ("a.jpg",))
    wanted = [annotation.box for annotation in read_all("createml", tmp_path).annotations]
    assert peer_boxes("create-ml", tmp_path / "x.json") == [pytest.approx(box, abs=0.01) for box in wanted]
