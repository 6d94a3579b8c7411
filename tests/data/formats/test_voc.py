from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yolo_tl.data.formats import voc as module
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError, ImageError, ParseError

Make = Callable[..., Any]


def test_a_plain_folder(voc: Make, ingest: Make, boxes: Make) -> None:
    source = voc({"b": [("cat", (1, 2, 30, 40)), ("dog bowl", (0, 0, 100, 50))], "a": []})
    assert module.sniff(Tree(source)) == "2 XML files with <annotation>, 2 images matched"
    cleaned, ledger = ingest("voc", source)
    found = boxes(cleaned)
    assert found == {"a.jpg": [], "b.jpg": [("cat", (1, 2, 30, 40)), ("dog bowl", (0, 0, 100, 50))]}
    assert cleaned.classes == ("cat", "dog bowl")
    assert ledger.annotations_in == 2


@pytest.mark.parametrize(
    ("objects", "xml", "asked", "box"),
    [
        ([(1, 1, 100, 50)], "<source><database>The VOC2007 Database</database></source>", "auto", (0, 0, 100, 50)),
        ([(1, 1, 100, 50)], "<folder>VOC2012</folder>", "auto", (0, 0, 100, 50)),
        ([(1, 1, 100, 50)], "<source><database>Unknown</database></source>", "auto", (1, 1, 100, 50)),
        ([(5.5, 1, 100, 50)], "", "auto", (5.5, 1, 100, 50)),
        ([(5.5, 1, 100, 50)], "<folder>VOC2012</folder>", "auto", (4.5, 0, 100, 50)),  # VOC2012 has a few fractions
        ([(1, 1, 100, 50)], "", "1", (0, 0, 100, 50)),
        ([(100, 50, 1, 1)], "", "1", (0, 0, 100, 50)),  # the inclusive start is the smaller one
        ([(7, 9, 7, 9)], "", "1", (6, 8, 7, 9)),  # one pixel, inclusive: not of zero area
        ([(1, 1, 100, 50)], "<folder>VOC2012</folder>", "0", (1, 1, 100, 50)),
    ],
)
def test_origin(
    objects: list[tuple[float, ...]], xml: str, asked: str, box: tuple[float, ...], voc: Make, ingest: Make, boxes: Make
) -> None:
    source = voc({"a": [("cat", o) for o in objects]}, size=xml)
    cleaned, ledger = ingest("voc", source, voc_origin=asked)
    assert boxes(cleaned)["a.jpg"] == [("cat", box)]
    assert ledger.notes[0].startswith("VOC origin")


def test_a_zero_anywhere_shows_origin_0(voc: Make, ingest: Make) -> None:
    source = voc({"a": [("cat", (1, 1, 9, 9))], "b": [("cat", (0, 1, 9, 9))]})
    _, ledger = ingest("voc", source)
    assert ledger.notes[0] == "VOC origin 0: b.xml has <xmin>0"


def test_splits_of_image_sets(voc: Make, ingest: Make) -> None:
    names = ["a b", "c", "d", "e", "f"]
    source = voc({name: [("cat", (1, 1, 9, 9))] for name in names})
    lists = source / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a b\nd.jpg\n")
    (lists / "val.txt").write_text("c\nd\n")
    (lists / "trainval.txt").write_text("a b\nc\nd\ne\n")
    (lists / "test.txt").write_text("f\nghost\n")
    (lists / "cat_train.txt").write_text("f  1\nc -1\n")
    cleaned, ledger = ingest("voc", source)
    splits = {r.path.stem: r.split for r in cleaned.records}
    assert splits == {"a b": "train", "c": "val", "d": "val", "e": "train", "f": "test"}
    assert any("1 images of ImageSets have no XML file" in note and "ghost" in note for note in ledger.notes)
    assert any("1 images are in several lists" in note for note in ledger.notes)


def test_splits_of_folders(tmp_path: Path, picture: Make, voc_xml: Make, ingest: Make) -> None:
    for folder in ("train", "valid", "test"):
        picture(tmp_path / folder / "x.jpg")
        (tmp_path / folder / "x.xml").write_text(voc_xml([("cat", (1, 1, 9, 9))]))
    cleaned, _ = ingest("voc", tmp_path)
    assert [(r.path.parent.name, r.split) for r in cleaned.records] == [
        ("test", "test"),
        ("train", "train"),
        ("valid", "val"),
    ]


def test_the_xml_name_is_trusted_before_the_filename(voc: Make, picture: Make, ingest: Make) -> None:
    source = voc({"a": [("cat", (1, 1, 9, 9))], "b": []}, filename="b.jpg")
    cleaned, _ = ingest("voc", source)
    assert [r.path.name for r in cleaned.records] == ["a.jpg", "b.jpg"]


def test_the_filename_helps_where_the_xml_name_does_not(
    tmp_path: Path, picture: Make, voc_xml: Make, ingest: Make
) -> None:
    for name in ("photo.png", "x.jpg", "x.png"):
        picture(tmp_path / name)
    (tmp_path / "0001.xml").write_text(voc_xml([], filename="photo.png"))
    (tmp_path / "x.xml").write_text(voc_xml([], filename="x.png"))
    cleaned, _ = ingest("voc", tmp_path)
    assert [r.path.name for r in cleaned.records] == ["photo.png", "x.png"]
    (tmp_path / "x.xml").write_text(voc_xml([]))
    with pytest.raises(DataError, match="fits several images"):
        ingest("voc", tmp_path)


@pytest.mark.parametrize(
    ("size", "wrong"),
    [
        ("", 0),
        ("<size><width>0</width><height>0</height></size>", 0),
        ("<size><width>x</width></size>", 0),
        ("<size><width>50</width><height>100</height></size>", 1),
        ("<size><width>100</width><height>50</height></size>", 0),
    ],
)
def test_the_size_is_that_of_the_image(size: str, wrong: int, voc: Make, ingest: Make) -> None:
    cleaned, ledger = ingest("voc", voc({"a": [("cat", (1, 1, 99, 49))]}, size=size))
    assert cleaned.records[0].size == (100, 50)
    assert ledger.images_repaired.counts["size"] == wrong
    assert not ledger.repaired.counts


def test_objects_without_a_box_or_class_are_accounted_for(voc: Make, ingest: Make) -> None:
    source = voc({"a": []})
    (source / "Annotations" / "a.xml").write_text(
        "<annotation>"
        "<object><name>cat</name></object>"
        "<object><name> </name><bndbox/></object>"
        "<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1,5</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        "<object><name>man</name><part><name>head</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>3</xmax>"
        "<ymax>3</ymax></bndbox></part><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        "</annotation>"
    )
    cleaned, ledger = ingest("voc", source)
    assert ledger.dropped.counts == {"no_box": 1, "no_class": 1, "malformed": 1}
    assert ledger.dropped.examples["malformed"][0]["file"] == "Annotations/a.xml"
    assert ledger.dropped.examples["malformed"][0]["place"] == "object 3"
    assert [(a.name, a.box) for a in cleaned.records[0].annotations] == [("man", (1, 1, 9, 9))]
    assert ledger.annotations_in == 4


def test_difficult_objects(voc: Make, ingest: Make) -> None:
    source = voc({"a": [("cat", (1, 1, 9, 9))]}, extra="<difficult>1</difficult>")
    assert not ingest("voc", source)[1].dropped.counts
    assert ingest("voc", source, difficult="drop")[1].dropped.counts == {"difficult": 1}


@pytest.mark.parametrize("encoding", ["gbk", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(encoding: str, voc: Make, voc_xml: Make, ingest: Make) -> None:
    name = "é" if encoding == "latin-1" else "划痕"
    source = voc({"a": []})
    declared = f'<?xml version="1.0" encoding="{encoding}"?>\n' if encoding in ("gbk", "latin-1") else ""
    text = declared + voc_xml([(name, (1, 1, 9, 9))])
    (source / "Annotations" / "a.xml").write_bytes(text.encode(encoding))
    assert ingest("voc", source)[0].classes == (name,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<annotation>\n<object>\n</annotation>", r"a\.xml:3: malformed XML at column \d+: mismatched tag"),
        (b"<annotation>", r"a\.xml:1: malformed XML"),
        (b'<!DOCTYPE x [<!ENTITY a "a">]><annotation>&a;</annotation>', "document type declaration"),
        (b'<?xml version="1.0" encoding="ascii"?><annotation>\xff</annotation>', "not in the encoding it declares"),
        (b'<?xml version="1.0" encoding="klingon"?><annotation></annotation>', "not in the encoding it declares"),
    ],
)
def test_malformed_xml_names_file_and_line(content: bytes, message: str, voc: Make, ingest: Make) -> None:
    source = voc({"a": []})
    (source / "Annotations" / "a.xml").write_bytes(content)
    with pytest.raises(ParseError, match=message):
        ingest("voc", source)


def test_a_missing_image_is_named_with_its_xml(voc: Make, ingest: Make) -> None:
    source = voc({"a": [("cat", (1, 1, 9, 9))], "b": []})
    (source / "JPEGImages" / "a.jpg").unlink()
    with pytest.raises(ImageError, match=r"a\.jpg: the image is missing \(named in .*a\.xml\)"):
        ingest("voc", source)


def test_cvat_and_other_xml_are_not_voc(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<annotations><image/></annotations>")
    assert module.sniff(Tree(tmp_path)) is None
