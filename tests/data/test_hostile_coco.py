"""COCO sources that other converters lose boxes of, invent classes for or write elsewhere: each to its end."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.hostile import BOX, Case, Refused, Written, meets_its_end
from support.pictures import picture

from yolo_tl.errors import DataError, ImageError, ParseError

CAT = {"id": 1, "name": "cat"}
A = {"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}
GOOD = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 30]}
SQUARE = [[10, 10, 30, 10, 30, 40, 10, 40]]


def image(name: object, number: object = 1, width: object = 100, height: object = 50) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": width, "height": height}


def note(number: object, bbox: object = (10, 10, 20, 30), **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": 1, "category_id": 1, "bbox": bbox, **more}


def text(annotations: Any = (GOOD,), images: Any = (A,), categories: Any = (CAT,)) -> str:
    return json.dumps({"images": images, "annotations": annotations, "categories": categories}, ensure_ascii=False)


def source(content: str | bytes, *pictures: str) -> Callable[[Path], None]:
    """A folder with a.json and pictures of 100 x 50 px."""

    def make(folder: Path) -> None:
        (folder / "a.json").write_bytes(content if isinstance(content, bytes) else content.encode())
        for name in pictures or ("a.jpg",):
            picture(folder / name)

    return make


def sideways(folder: Path) -> None:
    """A picture of 100 x 50 px that EXIF turns to 50 x 100, in a file that tells of the stored one."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (100, 50), (90, 90, 90)).save(folder / "a.jpg", exif=exif)
    (folder / "a.json").write_text(text())


def column_runs(rows: list[str]) -> list[int]:
    """Uncompressed run lengths, down the columns, of a drawing."""
    pixels = np.array([[char == "#" for char in row] for row in rows]).ravel(order="F")
    runs, value = [0], False
    for pixel in pixels:
        if pixel != value:
            runs.append(0)
            value = not value
        runs[-1] += 1
    return runs


def crowd(folder: Path) -> None:
    runs = {"size": [50, 100], "counts": [0, 500, 4500]}
    (folder / "a.json").write_text(text([GOOD, note(2, [0, 0, 10, 50], iscrowd=1, segmentation=runs)]))
    picture(folder / "a.jpg")


def row(box: str = BOX, name: int = 0) -> str:
    return f"{name} {box}"


ONE = {"a": [row()]}
HALF_X = "0.1 0.5 0.2 0.6"  # of x from 0 to 20

CASES = [
    # Paths
    Case(
        name="path climbs out",
        make=source(text(images=[image("../../../x.jpg")]), "x.jpg"),
        end=Written(rows={"x": [row()]}),
        command=True,
    ),
    Case(
        name="path climbs out to an image that is not in the source",
        make=source(text(images=[image("../x.jpg")])),
        end=Refused(ImageError, r"source/x\.jpg: the image is missing .*named in .*a\.json"),
    ),
    Case(
        name="backslashes",
        make=source(text(images=[image("sub\\x.jpg")]), "sub/x.jpg"),
        end=Written(rows={"x": [row()]}),
    ),
    Case(
        name="path of another machine",
        make=source(text(images=[image("C:\\Users\\me\\a.jpg"), image("/home/me/b.jpg", 2)]), "a.jpg", "b.jpg"),
        end=Written(rows={"a": [row()], "b": []}),
    ),
    Case(
        name="address instead of a name",
        make=source(text(images=[{"id": 1, "coco_url": "http://images.org/val2017/a.jpg?x=1"}])),
        end=Written(rows={"val/a": [row()]}, notes=["splits of the source kept: val"]),
    ),
    Case(
        name="two suffixes",
        make=source(
            text([GOOD, note(2, [0, 0, 20, 20], image_id=2)], [image("x.jpg"), image("x.png", 2)]), "x.jpg", "x.png"
        ),
        end=Written(rows={"x": [row()], "x-3910c650": [row("0.1 0.2 0.2 0.4")]}, images=["renamed: x.png"]),
    ),
    Case(
        name="one name in two folders",
        make=source(
            text([GOOD, note(2, [0, 0, 20, 20], image_id=2)], [image("s1/x.jpg"), image("s2/x.jpg", 2)]),
            "s1/x.jpg",
            "s2/x.jpg",
        ),
        end=Written(rows={"x": [row()], "x-a02e51be": [row("0.1 0.2 0.2 0.4")]}, images=["renamed: s2/x.jpg"]),
    ),
    Case(
        name="one name in two folders, and the file says no folder",
        make=source(text(images=[image("x.jpg")]), "s1/x.jpg", "s2/x.jpg"),
        end=Refused(DataError, r"a\.json: 'x\.jpg' fits several images equally well: s1/x\.jpg, s2/x\.jpg"),
    ),
    Case(
        name="Unicode form and case of a name",
        make=source(text(images=[image(unicodedata.normalize("NFD", "Größe.JPG"))]), "größe.jpg"),
        end=Written(rows={"größe": [row()]}),
    ),
    Case(
        name="image missing",
        make=source(text([GOOD, note(2, image_id=2)], [A, image("b.jpg", 2)])),
        end=Refused(ImageError, r"b\.jpg: the image is missing .*named in .*a\.json"),
    ),
    Case(
        name="image missing, left out",
        make=source(text([GOOD, note(2, image_id=2)], [A, image("b.jpg", 2)])),
        options={"missing_images": "drop"},
        end=Written(rows=ONE, dropped=["missing_image: a.json (annotation 2)"], images=["missing_image: b.jpg"]),
    ),
    Case(
        name="names that no file can have",
        make=source(
            text(images=[A, *(image(name, i) for i, name in enumerate(["..", "a\0b.jpg", "x" * 999, "/", "\n"], 2))])
        ),
        options={"missing_images": "drop"},
        end=Written(
            rows=ONE,
            images=[
                "missing_image: \n",
                "missing_image: ab.jpg",
                "missing_image: unnamed",
                "missing_image: unnamed",
                f"missing_image: {'x' * 200}",
            ],
        ),
    ),
    Case(
        name="image without a name",
        make=source(text(images=[image(None)])),
        end=Refused(ParseError, r"a\.json \(image 1\): expected a file_name, found none"),
    ),
    # Ids
    Case(
        name="sparse category ids",
        make=source(
            text(
                [note(1, category_id=100), note(2, [0, 0, 20, 20], category_id=3)],
                categories=[{"id": 100, "name": "c"}, {"id": 3, "name": "a"}, {"id": 7, "name": "b"}],
            )
        ),
        end=Written(rows={"a": [row(name=2), row("0.1 0.2 0.2 0.4")]}, names=["a", "b", "c"]),
    ),
    Case(
        name="category ids from 0",
        make=source(
            text(
                [note(1, category_id=0), note(2, [0, 0, 20, 20])],
                categories=[{"id": 0, "name": "a"}, {"id": 1, "name": "b"}],
            )
        ),
        end=Written(rows={"a": [row(), row("0.1 0.2 0.2 0.4", 1)]}, names=["a", "b"]),
    ),
    Case(
        name="ids as strings and floats",
        make=source(
            text(
                [note("7", image_id=1.0, category_id="1"), note(None, ["0", "0", "20", 20], category_id=1.0)],
                [image("a.jpg", "1", "100", "50")],
            )
        ),
        end=Written(rows={"a": [row(), row("0.1 0.2 0.2 0.4")]}),
    ),
    Case(
        name="unknown category",
        make=source(text([GOOD, note(2, category_id=55)])),
        end=Written(rows=ONE, dropped=["unknown_category: a.json (annotation 2)"]),
        command=True,
    ),
    Case(
        name="no category at all",
        make=source(text(categories=[])),
        end=Refused(DataError, r"a\.json \(annotation 1\)"),
    ),
    Case(
        name="unknown image",
        make=source(text([GOOD, note(2, image_id=99)])),
        end=Written(rows=ONE, dropped=["unknown_image: a.json (annotation 2)"]),
    ),
    Case(
        name="two images of one id",
        make=source(text(images=[A, image("b.jpg")]), "a.jpg", "b.jpg"),
        end=Refused(ParseError, r"a\.json \(images\[1\]\): expected unique image ids, found 1 twice"),
    ),
    Case(
        name="two categories of one name",
        make=source(text([GOOD, note(2, [0, 0, 20, 20], category_id=2)], categories=[CAT, {"id": 2, "name": "cat"}])),
        end=Written(rows={"a": [row(), row("0.1 0.2 0.2 0.4")]}, notes=["several categories have one name .*: cat"]),
    ),
    Case(
        name="category without a name",
        make=source(text(categories=[CAT, {"id": 2}])),
        end=Refused(ParseError, r"a\.json \(categories\[1\]\): expected a name, found None"),
    ),
    Case(
        name="category called like YAML",
        make=source(
            text(
                [note(i, category_id=i) for i in range(1, 5)],
                categories=[{"id": i, "name": n} for i, n in enumerate(["no", "a: b\n- c", "1.0", "{x}"], 1)],
            )
        ),
        end=Written(rows={"a": [row(name=i) for i in range(4)]}, names=["no", "a: b\n- c", "1.0", "{x}"]),
    ),
    # Numbers
    Case(
        name="not a number",
        make=source(text([GOOD, note(2, [float("nan"), 0, 5, 5]), note(3, [0, 0, float("inf"), 5])])),
        end=Written(rows=ONE, dropped=["not_finite: a.json (annotation 2)", "not_finite: a.json (annotation 3)"]),
        command=True,
    ),
    Case(
        name="absurd numbers",
        make=source(
            text([GOOD, note(2), note(3, [0, 0, 10**400, 5]), note(4, [-1e300, -1e300, 2e300, 2e300])]).replace(
                '"id": 2, "image_id": 1, "category_id": 1, "bbox": [10',
                '"id": 2, "image_id": 1, "category_id": 1, "bbox": [1e999',
            )
        ),
        end=Written(
            rows={"a": [row(), "0 0.5 0.5 1 1"]},
            dropped=["no_box: a.json (annotation 3)", "not_finite: a.json (annotation 2)"],
            repaired=["clipped: a.json (annotation 4)"],
        ),
    ),
    Case(
        name="size of the image 0",
        make=source(text(images=[image("a.jpg", 1, 0, 0)])),
        end=Written(rows=ONE),
    ),
    Case(
        name="size of the image wrong",
        make=source(text(images=[image("a.jpg", 1, 200, 999)])),
        end=Written(rows=ONE, images=["size: a.jpg"]),
    ),
    Case(
        name="size of the image that of the stored one, which EXIF turns",
        make=sideways,
        end=Written(rows={"a": ["0 0.5 0.2 0.6 0.2"]}, images=["turned: a.jpg"]),
    ),
    Case(
        name="box beyond the image",
        make=source(text([note(1, [-10, 10, 30, 30]), note(2, [200, 10, 5, 5])])),
        end=Written(
            rows={"a": [row(HALF_X)]},
            dropped=["outside: a.json (annotation 2)"],
            repaired=["clipped: a.json (annotation 1)"],
        ),
    ),
    Case(
        name="box of no or negative size",
        make=source(text([note(1, [30, 40, -20, -30]), note(2, [5, 5, 0, 9]), GOOD])),
        end=Written(
            rows=ONE,
            dropped=["duplicate: a.json (annotation 1)", "zero_area: a.json (annotation 2)"],
            repaired=["swapped: a.json (annotation 1)"],
        ),
    ),
    Case(
        name="box of other things",
        make=source(
            text([GOOD, note(2, None), note(3, []), note(4, "10,10,20,30"), note(5, [1, 2, 3]), note(6, [[1]]), 7])
        ),
        end=Written(
            rows=ONE,
            dropped=["malformed: a.json (annotations[6])", *(f"no_box: a.json (annotation {i})" for i in range(2, 7))],
        ),
    ),
    # Shapes
    Case(
        name="polygon without a box",
        make=source(text([{"id": 1, "image_id": 1, "category_id": 1, "segmentation": SQUARE}])),
        end=Written(rows=ONE, repaired=["box_from_polygon: a.json (annotation 1)"]),
    ),
    Case(
        name="crowd",
        make=crowd,
        end=Written(rows=ONE, dropped=["crowd: a.json (annotation 2)"]),
    ),
    Case(
        name="crowd among polygons",
        make=crowd,
        options={"task": "segment"},
        end=Written(
            rows={"a": ["0 0.1 0.2 0.3 0.2 0.3 0.8 0.1 0.8"]},
            dropped=["crowd: a.json (annotation 2)"],
            repaired=["polygon_from_box: a.json (annotation 1)"],
        ),
    ),
    Case(
        name="region to be ignored",
        make=source(text([GOOD, note(2, [0, 0, 5, 5], ignore=1)])),
        end=Written(rows=ONE, dropped=["ignore: a.json (annotation 2)"]),
    ),
    Case(
        name="polygon of two points, of half a point, of none",
        make=source(
            text(
                [
                    note(1, segmentation=SQUARE),
                    note(2, [0, 0, 20, 20], segmentation=[[1, 1, 2, 2]]),
                    note(3, [0, 0, 20, 30], segmentation=[[1, 1, 9, 1, 9]]),
                    note(4, [0, 0, 20, 40], segmentation=[]),
                ]
            )
        ),
        options={"task": "segment"},
        end=Written(
            rows={
                "a": [
                    "0 0.1 0.2 0.3 0.2 0.3 0.8 0.1 0.8",
                    "0 0 0 0.2 0 0.2 0.4 0 0.4",
                    "0 0 0 0.2 0 0.2 0.6 0 0.6",
                    "0 0 0 0.2 0 0.2 0.8 0 0.8",
                ]
            },
            repaired=[
                *(f"polygon_from_box: a.json (annotation {i})" for i in (2, 3, 4)),
                "shape_dropped: a.json (annotation 2)",
                "shape_dropped: a.json (annotation 3)",
            ],
        ),
    ),
    # Whole documents
    Case(
        name="negatives",
        make=source(text(images=[A, image("b.jpg", 2)]), "a.jpg", "b.jpg"),
        end=Written(rows={"a": [row()], "b": []}),
    ),
    Case(
        name="one box twice",
        make=source(text([GOOD, {**GOOD, "id": 2}])),
        end=Written(rows=ONE, dropped=["duplicate: a.json (annotation 2)"]),
    ),
    Case(
        name="truncated",
        make=source(text()[:-20]),
        end=Refused(ParseError, r"a\.json:1: malformed JSON at column \d+"),
    ),
    Case(
        name="annotations are no list",
        make=source(text({"1": GOOD})),
        end=Refused(ParseError, r"a\.json"),
    ),
    Case(
        name="UTF-16",
        make=source(text(categories=[{"id": 1, "name": "划痕"}]).encode("utf-16")),
        end=Written(rows=ONE, names=["划痕"]),
    ),
    Case(
        name="nested without end",
        make=source(text().replace("[10, 10, 20, 30]", "[" * 100_000)),
        end=Refused(ParseError, r"a\.json"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_coco(case: Case, tmp_path: Path) -> None:
    meets_its_end(case, tmp_path)


def test_masks_keep_their_last_row_and_column(tmp_path: Path) -> None:
    """Run lengths go down the columns; contours through pixel centres would lose a pixel on each side."""
    drawing = ["." * 100] * 10 + ["." * 10 + "#" * 20 + "." * 70] * 30 + ["." * 100] * 10
    runs = {"size": [50, 100], "counts": column_runs(drawing)}
    case = Case(
        name="run lengths of one object",
        make=source(text([note(1, segmentation=runs)])),
        options={"task": "segment"},
        end=Written(rows={"a": ["0 0.1 0.2 0.3 0.2 0.3 0.8 0.1 0.8"]}),
    )
    meets_its_end(case, tmp_path)


def test_an_object_of_several_polygons_is_one_row(tmp_path: Path) -> None:
    """Its mask is that of all of them."""
    parts = [[10, 10, 20, 10, 20, 40, 10, 40], [60, 10, 90, 10, 90, 20, 60, 20]]
    folder, out = tmp_path / "source", tmp_path / "out"
    folder.mkdir()
    source(text([note(1, [10, 10, 80, 30], segmentation=parts)]))(folder)
    from yolo_tl.data import ReadOptions, convert

    convert(folder, out, options=ReadOptions(task="segment"), ratios=(1.0, 0.0, 0.0))
    (line,) = (out / "labels" / "train" / "a.txt").read_text().splitlines()
    ring = np.array(line.split()[1:], float).reshape(-1, 2) * (1000, 500)
    mask = cv2.fillPoly(np.zeros((500, 1000), np.uint8), [ring.round().astype(np.int32)], 1)
    wanted = np.zeros_like(mask)
    for part in parts:
        cv2.fillPoly(wanted, [(np.array(part).reshape(-1, 2) * 10).astype(np.int32)], 1)
    assert np.count_nonzero(mask != wanted) < 1000  # the seam is a pixel wide here
