from __future__ import annotations

import math
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import outputs
from support.reading import peer_boxes
from support.sources import voc as example

from yolo_tl.data.formats import voc as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, Dropped, Event, ImageRecord, Note, replace
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


def events(source: Path, **options: Any) -> list[Event]:
    return list(module.read(Tree(source), ReadOptions(**options)))


def records(source: Path, **options: Any) -> dict[str, ImageRecord]:
    return {e.path.stem: e for e in events(source, **options) if isinstance(e, ImageRecord)}


def notes(source: Path, **options: Any) -> str:
    return "\n".join(e.text for e in events(source, **options) if isinstance(e, Note))


def test_every_feature_of_the_example(tmp_path: Path) -> None:
    example.write(tmp_path)
    assert module.sniff(Tree(tmp_path)) == "4 XML files with <annotation>, 4 images matched"
    found = records(tmp_path)
    assert [(a.name, a.box, a.difficult) for a in found["hard"].annotations] == [
        ("cat", (10, 10, 20, 20), True),
        ("man", (50, 5, 90, 45), False),  # not the box of its head
    ]
    ship, leaf = found["shapes"].annotations
    cos, sin = math.cos(0.5), math.sin(0.5)
    expected = [50 - 10 * cos + 5 * sin, 25 - 10 * sin - 5 * cos, 50 + 10 * cos + 5 * sin, 25 + 10 * sin - 5 * cos]
    assert ship.box is None
    assert ship.corners[:4] == pytest.approx(expected)
    assert (leaf.box, leaf.parts) == ((5, 5, 25, 25), ((5, 5, 25, 5, 5, 25),))
    assert found["plain"].size == (100, 50)
    assert {name: (r.split, r.labelled) for name, r in found.items()} == {
        "plain": ("train", True),
        "hard": ("train", True),
        "shapes": ("val", True),
        "empty": ("val", True),
        "loose": ("train", False),
    }


def test_masks_are_not_taken_for_images(tmp_path: Path) -> None:
    example.write(tmp_path)
    example.mask(tmp_path / "SegmentationClass" / "plain.png", np.zeros((50, 100), np.uint8))
    found = events(tmp_path)
    assert {e.path.parent.name for e in found if isinstance(e, ImageRecord)} == {"JPEGImages"}
    path = tmp_path / "Annotations" / "plain.xml"
    path.write_text(path.read_text().replace("<filename>plain.jpg</filename>", ""))
    assert records(tmp_path)["plain"].path == tmp_path / "JPEGImages" / "plain.jpg"
    (tmp_path / "JPEGImages" / "plain.jpg").unlink()
    assert records(tmp_path)["plain"].path == tmp_path / "plain.jpg"


def test_images_without_an_xml_file(tmp_path: Path, picture: Make) -> None:
    example.write(tmp_path)
    picture(tmp_path / "docs" / "logo.png")
    assert "1 images are not those of an XML file" in notes(tmp_path)
    assert "docs/logo.png" in notes(tmp_path)


def test_roboflow_writes_xmax_before_ymin(voc: Make) -> None:
    source = voc({"a": []})
    box = "<bndbox><xmin>1</xmin><xmax>30</xmax><ymin>2</ymin><ymax>40</ymax></bndbox>"
    (source / "Annotations" / "a.xml").write_text(f"<annotation><object><name>cat</name>{box}</object></annotation>")
    assert records(source)["a"].annotations[0].box == (1, 2, 30, 40)


# Fourteen files that make other converters crash, or write what is not there.
HOSTILE: dict[str, tuple[str, str]] = {
    "path leaves the folder": ("<annotation><filename>../../../x.jpg</filename>{cat}</annotation>", "record"),
    "path of another machine": ("<annotation><filename>C:\\data\\x.jpg</filename>{cat}</annotation>", "record"),
    "nan": ("<annotation><object><name>cat</name>{nan}</object></annotation>", "record"),
    "infinite": ("<annotation><object><name>cat</name>{inf}</object></annotation>", "record"),
    "swapped corners": ("<annotation><object><name>cat</name>{swapped}</object></annotation>", "record"),
    "box outside": ("<annotation><object><name>cat</name>{outside}</object></annotation>", "record"),
    "image of no size": ("<annotation><size><width>0</width><height>0</height></size>{cat}</annotation>", "record"),
    "words for numbers": ("<annotation><object><name>cat</name>{words}</object></annotation>", "malformed"),
    "no box": ("<annotation><object><name>cat</name></object></annotation>", "no_box"),
    "no class": ("<annotation><object>{box}</object></annotation>", "no_class"),
    "truncated": ("<annotation>{cat}<object><name>c", "error"),
    "empty file": ("", "error"),
    "entity bomb": ('<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>', "error"),
    "not XML": ("\x00\x01\x02 annotation", "error"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files(case: str, voc: Make) -> None:
    text, outcome = HOSTILE[case]
    boxes = {
        "box": (1, 2, 3, 4),
        "nan": ("nan", 2, 3, 4),
        "inf": (1, 2, "1e999", 4),
        "swapped": (30, 40, 1, 2),
        "outside": (-9, 2, 900, 40),
        "words": ("one", 2, 3, 4),
    }
    parts = {key: example.BOX.format(*box) for key, box in boxes.items()}
    parts["cat"] = example.element("cat", (1, 2, 3, 4))
    for key, value in parts.items():
        text = text.replace(f"{{{key}}}", value)
    source = voc({"a": [], "b": [("dog", (1, 1, 9, 9))]})
    (source / "Annotations" / "a.xml").write_text(text)
    if outcome == "error":
        with pytest.raises(ParseError, match=r"a\.xml"):
            events(source)
        return
    found = records(source)
    assert found["a"].path == source / "JPEGImages" / "a.jpg"
    lost = [e.reason for e in events(source) if isinstance(e, Dropped)]
    assert lost == ([] if outcome == "record" else [outcome])
    assert len(found["a"].annotations) == (outcome == "record")
    assert found["a"].size is None


def test_a_missing_image_never_points_out_of_the_folder(voc: Make) -> None:
    for name in ("../../../etc/passwd", "/etc/passwd", "C:\\x\\y.jpg", "..", "http://host/a/z.jpg?k=1"):
        source = voc({"a": []}, filename=name, folder=f"source {len(name)}")
        (source / "JPEGImages" / "a.jpg").unlink()
        (event,) = (e for e in events(source) if isinstance(e, ImageRecord))
        assert event.path.parent == source


def test_two_images_of_one_name_in_different_folders(tmp_path: Path, picture: Make, voc_xml: Make) -> None:
    for folder in ("s1", "s2"):
        picture(tmp_path / folder / "JPEGImages" / "x.jpg")
        path = tmp_path / folder / "Annotations" / "x.xml"
        path.parent.mkdir()
        path.write_text(voc_xml([(folder, (1, 1, 9, 9))]))
    found = [e for e in events(tmp_path) if isinstance(e, ImageRecord)]
    assert [(e.path.parts[-3], e.annotations[0].name) for e in found] == [("s1", "s1"), ("s2", "s2")]


def test_names_that_differ_in_case_or_unicode_form(tmp_path: Path, picture: Make, voc_xml: Make) -> None:
    picture(tmp_path / unicodedata.normalize("NFD", "Größe.JPG"))
    (tmp_path / unicodedata.normalize("NFC", "GRÖßE.xml")).write_text(voc_xml([("cat", (1, 1, 9, 9))]))
    (event,) = (e for e in events(tmp_path) if isinstance(e, ImageRecord))
    assert event.path.is_file()


def test_other_xml_files_are_left_out_with_a_note(voc: Make) -> None:
    source = voc({"a": []})
    (source / "layout.xml").write_text("<widgets><a></widgets>")  # malformed, but not ours
    assert "1 XML files are not VOC and are left out, first: layout.xml with <widgets>" in notes(source)
    (source / "Annotations" / "a.xml").unlink()
    with pytest.raises(ParseError, match="expected <annotation>, found <widgets>"):
        events(source)


def test_lists_with_folders_and_numbers_in_names(voc: Make) -> None:
    source = voc({"image 1": [], "image": [], "b": []})
    lists = source / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("image 1\nVOC2007/JPEGImages/b.jpg\n")
    (lists / "val.txt").write_text("image 1\n")  # the image, or image 1 with a flag: the image itself is there
    assert {name: r.split for name, r in records(source).items()} == {"image 1": "val", "image": None, "b": "train"}


def test_many_files_are_sampled_and_read_by_workers(tmp_path: Path, voc_xml: Make) -> None:
    for i in range(1100):
        (tmp_path / f"{i:04d}.xml").write_text(voc_xml([("cat", (1, 1, 9, 9))]))
    assert module.sniff(Tree(tmp_path)) == (
        "1100 XML files, <annotation> in 367 of 367 looked at, 0 of their images found"
    )
    assert events(tmp_path, workers=2) == events(tmp_path)
    (tmp_path / "0500.xml").write_text("<annotation>\n<object>")
    with pytest.raises(ParseError, match=r"0500\.xml:2"):
        events(tmp_path, workers=2)


@pytest.mark.parametrize("task", module.FORMAT.tasks)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read_back(task: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("out")
    wanted = data.draw(outputs.images(task))
    assert outputs.write("voc", folder, wanted, task) == sum(len(r.annotations) for r in wanted)
    found, classes = outputs.read("voc", folder, task=task)
    assert classes == outputs.CLASSES
    assert len(found) == len(wanted)
    for record in wanted:
        again = found[record.path.name]
        assert (again.split, again.size, again.labelled) == (record.split, record.size, True)
        assert [(a.name, a.box, a.parts) for a in again.annotations] == [
            (a.name, a.box, a.parts) for a in record.annotations
        ]


def test_written_names(tmp_path: Path) -> None:
    annotation = Annotation('a<b> & "c"', (0, 0.125, 5, 1e-7), "object 1", difficult=True)
    wanted = [
        ImageRecord(Path("a&b 'c'.png"), Path("s"), (annotation,), split="train", size=(20, 10)),
        ImageRecord(Path("x.png"), Path("s"), (annotation,), split="train", size=(20, 10)),
        ImageRecord(Path("x.jpg"), Path("s"), (), split="val", size=(20, 10)),
    ]
    outputs.write("voc", tmp_path, wanted)
    assert (tmp_path / "ImageSets" / "Main" / "val.txt").read_text() == "val/x\n"
    assert "VOC origin 0" in notes(tmp_path)
    found, _ = outputs.read("voc", tmp_path)
    assert {name: record.split for name, record in found.items()} == {
        "a&b 'c'.png": "train",
        "x.png": "train",
        "x.jpg": "val",
    }
    assert replace(found["x.png"].annotations[0], place="object 1") == annotation


def test_a_name_that_xml_cannot_hold_is_refused(tmp_path: Path) -> None:
    annotation = Annotation("bad\x01name", (0, 0, 5, 5), "object 1")
    with pytest.raises(DataError, match="cannot be written in XML"):
        outputs.write(
            "voc", tmp_path, [ImageRecord(Path("a.png"), Path("s"), (annotation,), split="train", size=(9, 9))]
        )


def test_the_order_of_the_classes_in_a_label_map(voc: Make, ingest: Make) -> None:
    source = voc({"a": [("ant", (1, 1, 9, 9)), ("zebra", (2, 1, 9, 9)), ("new", (3, 1, 9, 9))]})
    (source / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nzebra:1,2,3::\nant:::\n")
    assert ingest("voc", source)[0].classes == ("zebra", "ant", "new")


def test_panlabel_reads_what_is_written(tmp_path: Path) -> None:
    annotations = tuple(Annotation("cat", (i + 0.25, 2, 30, 40.5), f"object {i}") for i in range(3))
    record = ImageRecord(Path("a b.png"), Path("s"), annotations, split="train", size=(100, 50))
    outputs.write("voc", tmp_path / "out", [record])
    # It knows no folders below these two.
    shutil.copytree(tmp_path / "out" / "Annotations" / "train", tmp_path / "flat" / "Annotations")
    shutil.copytree(tmp_path / "out" / "images" / "train", tmp_path / "flat" / "JPEGImages")
    assert sorted(peer_boxes("voc", tmp_path / "flat")) == [a.box for a in annotations]


def test_one_file_speaks_of_one_image(tmp_path: Path, picture: Make, voc_xml: Make) -> None:
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.jpg")
        (tmp_path / f"{name}.xml").write_text(voc_xml([("cat", (1, 1, 9, 9))]))
    found = module.read(Tree(tmp_path / "a.xml"), ReadOptions())
    assert [e.path.name for e in found if isinstance(e, ImageRecord)] == ["a.jpg"]
