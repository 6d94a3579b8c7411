"""Pascal VOC sources that other converters lose boxes of or get wrong: each to its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.hostile import BOX, Case, Refused, Written, meets_its_end
from support.pictures import picture

from yolo_tl.errors import DataError, ImageError, ParseError

ROW = f"0 {BOX}"
SMALL = "0 0.1 0.2 0.2 0.4"  # of (0, 0, 20, 20)
ONE = {"a": [ROW]}


def thing(box: tuple[object, ...] = (10, 10, 30, 40), name: str = "cat", extra: str = "") -> str:
    corners = "".join(f"<{t}>{v}</{t}>" for t, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    return f"<object><name>{name}</name>{extra}<bndbox>{corners}</bndbox></object>\n"


GOOD = thing()


def xml(*objects: str, name: str = "a.jpg", more: str = "", head: str = "") -> str:
    return f"{head}<annotation><filename>{name}</filename>{more}\n{''.join(objects)}</annotation>\n"


def source(files: dict[str, str | bytes], *pictures: str) -> Callable[[Path], None]:
    """XML and other text files, and pictures of 100 x 50 px."""

    def make(folder: Path) -> None:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        for name in pictures or ("a.jpg",):
            picture(folder / name)

    return make


BOMB = '<!DOCTYPE z [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
PART = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></part>"

CASES = [
    Case(
        name="path climbs out",
        make=source({"a.xml": xml(GOOD, name="../../../x.jpg")}, "x.jpg"),
        end=Written(rows={"x": [ROW]}),
        command=True,
    ),
    Case(
        name="path of another machine",
        make=source(
            {"one.xml": xml(GOOD, name="D:\\me\\a.jpg"), "two.xml": xml(name="/home/me/b.jpg")}, "a.jpg", "b.jpg"
        ),
        end=Written(rows={"a": [ROW], "b": []}),
    ),
    Case(
        name="the name inside lies",
        make=source({"a.xml": xml(GOOD, name="b.jpg"), "b.xml": xml(name="other")}, "a.jpg", "b.jpg"),
        end=Written(rows={"a": [ROW], "b": []}),
    ),
    Case(
        name="two suffixes, told apart by the name inside",
        make=source(
            {"one.xml": xml(GOOD, name="x.png"), "two.xml": xml(thing((0, 0, 20, 20)), name="x.jpg")}, "x.png", "x.jpg"
        ),
        end=Written(rows={"x": [SMALL], "x-3910c650": [ROW]}, images=["renamed: x.png"]),
    ),
    Case(
        name="two suffixes, told apart by nothing",
        make=source({"x.xml": xml(GOOD, name="")}, "x.png", "x.jpg"),
        end=Refused(DataError, r"x\.xml: 'x' fits several images equally well: x\.jpg, x\.png"),
    ),
    Case(
        name="one name in two folders",
        make=source(
            {"s1/x.xml": xml(GOOD, name="x.jpg"), "s2/x.xml": xml(thing((0, 0, 20, 20)), name="x.jpg")},
            "s1/x.jpg",
            "s2/x.jpg",
        ),
        end=Written(rows={"x": [ROW], "x-a02e51be": [SMALL]}, images=["renamed: s2/x.jpg"]),
    ),
    Case(
        name="image missing",
        make=source({"a.xml": xml(GOOD), "b.xml": xml(GOOD, name="b.jpg")}),
        end=Refused(ImageError, r"b\.jpg: the image is missing .*named in .*b\.xml"),
    ),
    Case(
        name="difficult",
        make=source({"a.xml": xml(thing(extra="<difficult>1</difficult>"), thing((0, 0, 20, 20)))}),
        end=Written(rows={"a": [ROW, SMALL]}),
    ),
    Case(
        name="difficult, left out",
        make=source({"a.xml": xml(thing(extra="<difficult>1</difficult>"), thing((0, 0, 20, 20)))}),
        options={"difficult": "drop"},
        end=Written(rows={"a": [SMALL]}, dropped=["difficult: a.xml (object 1)"]),
        command=True,
    ),
    Case(
        name="corners swapped",
        make=source({"a.xml": xml(thing((30, 40, 10, 10)))}),
        end=Written(rows=ONE, repaired=["swapped: a.xml (object 1)"]),
    ),
    Case(
        name="no area",
        make=source({"a.xml": xml(GOOD, thing((5, 5, 5, 9)), thing((5, 9, 50, 9)))}),
        end=Written(rows=ONE, dropped=["zero_area: a.xml (object 2)", "zero_area: a.xml (object 3)"]),
    ),
    Case(
        name="beyond the image",
        make=source({"a.xml": xml(thing((-20, 10, 20, 40)), thing((120, 10, 130, 40)))}),
        end=Written(
            rows={"a": ["0 0.1 0.5 0.2 0.6"]},
            dropped=["outside: a.xml (object 2)"],
            repaired=["clipped: a.xml (object 1)"],
        ),
    ),
    Case(
        name="full image counted from 1",
        make=source(
            {"a.xml": xml(thing((1, 1, 100, 50)), more="<source><database>The VOC2007 Database</database></source>")}
        ),
        end=Written(rows={"a": ["0 0.5 0.5 1 1"]}, notes=["VOC origin 1: every file names"]),
    ),
    Case(
        name="size wrong, or 0",
        make=source(
            {
                "a.xml": xml(GOOD, more="<size><width>50</width><height>100</height></size>"),
                "b.xml": xml(GOOD, more="<size><width>0</width><height>0</height></size>"),
            },
            "a.jpg",
            "b.jpg",
        ),
        end=Written(rows={"a": [ROW], "b": [ROW]}, images=["size: a.jpg"]),
    ),
    Case(
        name="parts of objects",
        make=source({"a.xml": xml(thing(extra=PART))}),
        end=Written(rows=ONE),
    ),
    Case(
        name="numbers that are none",
        make=source(
            {
                "a.xml": xml(
                    GOOD,
                    thing(("NaN", 1, 5, 5)),
                    thing((1, 1, "1e999", 5)),
                    thing(("", 1, 5, 5)),
                    thing(("1,5", 1, 5, 5)),
                )
            }
        ),
        end=Written(
            rows=ONE,
            dropped=[
                "malformed: a.xml (object 4)",
                "malformed: a.xml (object 5)",
                "not_finite: a.xml (object 2)",
                "not_finite: a.xml (object 3)",
            ],
        ),
    ),
    Case(
        name="no name, no box",
        make=source({"a.xml": xml(GOOD, thing(name=" "), "<object><name>dog</name></object>")}),
        end=Written(rows=ONE, dropped=["no_box: a.xml (object 3)", "no_class: a.xml (object 2)"]),
    ),
    Case(
        name="names with spaces, markup and other letters",
        make=source({"a.xml": xml(thing(name="a &amp; b: 划痕"), thing(name="a  b"))}),
        end=Written(rows={"a": [f"1 {BOX}", ROW]}, names=["a  b", "a & b: 划痕"]),
    ),
    Case(
        name="truncated",
        make=source({"a.xml": xml(GOOD)[:-30]}),
        end=Refused(ParseError, r"a\.xml:\d: malformed XML at column \d+"),
    ),
    Case(
        name="one of many truncated",
        make=source({"a.xml": xml(GOOD), "b.xml": "<annotation>\n<object>"}, "a.jpg", "b.jpg"),
        end=Refused(ParseError, r"b\.xml:2: malformed XML"),
    ),
    Case(
        name="entities that grow",
        make=source({"a.xml": xml(thing(name="&b;"), head=BOMB)}),
        end=Refused(ParseError, r"a\.xml: expected an annotation, found a document type declaration"),
    ),
    Case(
        name="entity that names a file",
        make=source({"a.xml": xml(thing(name="&b;"), head='<!DOCTYPE z [<!ENTITY b SYSTEM "file:///etc/passwd">]>')}),
        end=Refused(ParseError, r"a\.xml: expected an annotation, found a document type declaration"),
    ),
    Case(
        name="GBK",
        make=source({"a.xml": xml(thing(name="划痕"), head='<?xml version="1.0" encoding="GBK"?>').encode("gbk")}),
        end=Written(rows=ONE, names=["划痕"]),
    ),
    Case(
        name="UTF-16",
        make=source({"a.xml": xml(thing(name="划痕")).encode("utf-16")}),
        end=Written(rows=ONE, names=["划痕"]),
    ),
    Case(
        name="Latin-1 that nothing declares",
        make=source({"a.xml": xml(thing(name="Größe")).encode("latin-1")}),
        end=Refused(ParseError, r"a\.xml:2: malformed XML at column \d+"),
    ),
    Case(
        name="a list that names what is not there, and both sides at once",
        make=source(
            {
                "Annotations/a.xml": xml(GOOD),
                "Annotations/b.xml": xml(GOOD, name="b.jpg"),
                "ImageSets/Main/train.txt": "a\nb\ngone\n",
                "ImageSets/Main/val.txt": "b\n",
            },
            "JPEGImages/a.jpg",
            "JPEGImages/b.jpg",
        ),
        end=Written(
            rows={"a": [ROW], "val/b": [ROW]},
            notes=[
                "1 images are in several lists of ImageSets, first: b",
                "1 images of ImageSets have no XML file .*gone",
            ],
        ),
    ),
    Case(
        name="negatives",
        make=source({"a.xml": xml(GOOD), "b.xml": xml(name="b.jpg")}, "a.jpg", "b.jpg"),
        end=Written(rows={"a": [ROW], "b": []}),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_voc(case: Case, tmp_path: Path) -> None:
    meets_its_end(case, tmp_path)
