"""LabelMe sources that other converters lose shapes of or get wrong: each to its end."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.hostile import BOX, Case, Refused, Written, meets_its_end
from support.pictures import picture
from support.sources.labelme import document, png_text, shape

from yolo_tl.errors import DataError, ImageError, ParseError

ROW = f"0 {BOX}"
SMALL = "0 0.1 0.2 0.2 0.4"
ONE = {"a": [ROW]}
GOOD = shape("cat", "rectangle", [[10, 10], [30, 40]])
CORNER = shape("cat", "rectangle", [[0, 0], [20, 20]])
TRIANGLE = [[10, 10], [30, 10], [30, 40]]


def labels(*shapes: dict[str, Any], image: str = "a.jpg", **more: Any) -> str:
    return document(image, list(shapes), **more)


def source(files: dict[str, str | bytes], *pictures: str) -> Callable[[Path], None]:
    """JSON and other text files, and pictures of 100 x 50 px."""

    def make(folder: Path) -> None:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        for name in pictures or ("a.jpg",):
            picture(folder / name)

    return make


def one(*shapes: dict[str, Any], **more: Any) -> Callable[[Path], None]:
    return source({"a.json": labels(*shapes, **more)})


CASES = [
    # Shapes
    Case(
        name="line, polyline, points and a point of no object",
        make=one(
            GOOD,
            shape("cat", "line", [[0, 0], [20, 20]]),
            shape("cat", "linestrip", [[0, 0], [20, 20], [9, 1]]),
            shape("cat", "points", [[0, 0], [20, 20], [9, 1]]),
            shape("cat", "point", [[5, 5]]),
        ),
        end=Written(rows=ONE, dropped=[f"unsupported_shape: a.json (shape {i})" for i in (2, 3, 4, 5)]),
        command=True,
    ),
    Case(
        name="line among polygons",
        make=one(shape("cat", "polygon", TRIANGLE), shape("cat", "line", [[0, 0], [20, 20]])),
        options={"task": "segment"},
        end=Written(rows={"a": ["0 0.1 0.2 0.3 0.2 0.3 0.8"]}, dropped=["unsupported_shape: a.json (shape 2)"]),
    ),
    Case(
        name="mask, the second corner inclusive",
        make=one(shape("cat", "mask", [[10, 10], [29, 39]], mask=png_text(["#" * 20] * 30))),
        end=Written(rows=ONE, repaired=["box_from_polygon: a.json (shape 1)"]),
    ),
    Case(
        name="mask as a polygon, with its last row and column",
        make=one(shape("cat", "mask", [[10, 10], [29, 39]], mask=png_text(["#" * 20] * 30))),
        options={"task": "segment"},
        end=Written(rows={"a": ["0 0.1 0.2 0.3 0.2 0.3 0.8 0.1 0.8"]}),
    ),
    Case(
        name="mask that is no picture, and an empty one",
        make=one(
            GOOD,
            shape("cat", "mask", [[0, 0], [4, 4]], mask="AAAA"),
            shape("cat", "mask", [[0, 0], [4, 4]]),
            shape("cat", "mask", [[0, 0], [3, 0]], mask=png_text(["...."])),
        ),
        end=Written(
            rows=ONE,
            dropped=["empty_mask: a.json (shape 4)", "malformed: a.json (shape 2)", "malformed: a.json (shape 3)"],
        ),
    ),
    Case(
        name="circle",
        make=one(shape("cat", "circle", [[50, 25], [53, 29]])),
        end=Written(rows={"a": ["0 0.5 0.5 0.1 0.2"]}),
    ),
    Case(
        name="oriented rectangle",
        make=one(shape("cat", "oriented_rectangle", [[20, 20], [30, 30], [25, 35], [15, 25]])),
        options={"task": "obb"},
        end=Written(rows={"a": ["0 0.2 0.4 0.3 0.6 0.25 0.7 0.15 0.5"]}),
    ),
    Case(
        name="oriented rectangle as a box",
        make=one(shape("cat", "oriented_rectangle", [[20, 20], [30, 30], [25, 35], [15, 25]])),
        end=Written(rows={"a": ["0 0.225 0.55 0.15 0.3"]}, repaired=["box_from_corners: a.json (shape 1)"]),
    ),
    Case(
        name="rectangle of any corners, and of no area",
        make=one(shape("cat", "rectangle", [[30, 10], [10, 40]]), shape("cat", "rectangle", [[5, 5], [5, 9]])),
        end=Written(rows=ONE, dropped=["zero_area: a.json (shape 2)"]),
    ),
    Case(
        name="triangle to the point, and shape type null",
        make=one(shape("cat", None, TRIANGLE)),
        options={"task": "segment"},
        end=Written(rows={"a": ["0 0.1 0.2 0.3 0.2 0.3 0.8"]}),
    ),
    Case(
        name="parts of one object",
        make=one(
            shape("cat", "polygon", [[0, 0], [20, 0], [20, 20]], group_id=1),
            shape("cat", "polygon", [[60, 0], [80, 0], [80, 20]], group_id=1),
            shape("dog", "polygon", [[0, 0], [20, 0], [20, 20]], group_id=1),
        ),
        end=Written(
            rows={"a": ["0 0.4 0.2 0.8 0.4", "1 0.1 0.2 0.2 0.4"]},
            names=["cat", "dog"],
            repaired=["box_from_polygon: a.json (shape 1)", "box_from_polygon: a.json (shape 3)"],
            notes=["2 shapes of one label and group_id each were joined to 1 objects"],
        ),
    ),
    Case(
        name="beyond the image",
        make=one(shape("cat", "rectangle", [[-20, 10], [20, 40]]), shape("cat", "rectangle", [[100, 10], [120, 40]])),
        end=Written(
            rows={"a": ["0 0.1 0.5 0.2 0.6"]},
            dropped=["outside: a.json (shape 2)"],
            repaired=["clipped: a.json (shape 1)"],
        ),
    ),
    Case(
        name="polygons of two points, of none, of text, of NaN",
        make=one(
            GOOD,
            *(
                shape("cat", "polygon", points)
                for points in ([[1, 1], [5, 5]], [], "abc", [[1, "x"]] * 3, [[float("nan"), 1]] * 3)
            ),
            shape("cat", "rectangle", [[1, 1]]),
        ),
        end=Written(
            rows=ONE,
            dropped=[
                "malformed: a.json (shape 4)",
                "malformed: a.json (shape 5)",
                "malformed: a.json (shape 7)",
                "not_finite: a.json (shape 6)",
                "too_few_points: a.json (shape 2)",
                "too_few_points: a.json (shape 3)",
            ],
        ),
    ),
    Case(
        name="shapes that are none, labels that are none",
        make=one(GOOD, 7, None, shape("", "rectangle", [[0, 0], [5, 5]]), shape(None, "rectangle", [[0, 0], [5, 5]])),  # type: ignore[arg-type]
        end=Written(
            rows=ONE,
            dropped=[
                *(f"malformed: a.json (shape {i})" for i in (2, 3)),
                *(f"no_class: a.json (shape {i})" for i in (4, 5)),
            ],
        ),
    ),
    Case(
        name="what LabelMe ignores",
        make=one(GOOD, shape("__ignore__", "rectangle", [[0, 0], [5, 5]])),
        end=Written(rows=ONE, dropped=["ignore: a.json (shape 2)"]),
    ),
    # Paths
    Case(
        name="Windows path",
        make=source({"json/a.json": labels(GOOD, image="..\\img\\a.jpg")}, "img/a.jpg"),
        end=Written(rows=ONE),
        command=True,
    ),
    Case(
        name="path of another machine",
        make=source(
            {"json/1.json": labels(GOOD, image="C:\\me\\a.jpg"), "json/2.json": labels(image="/home/me/b.jpg")},
            "a.jpg",
            "b.jpg",
        ),
        end=Written(rows={"a": [ROW], "b": []}),
    ),
    Case(
        name="path climbs out",
        make=source({"1.json": labels(GOOD, image="../../../x.jpg")}, "x.jpg"),
        end=Written(rows={"x": [ROW]}),
    ),
    Case(
        name="path climbs out to an image that is not in the source",
        make=source({"1.json": labels(GOOD, image="../x.jpg")}),
        end=Refused(ImageError, r"source/x\.jpg: the image is missing .*named in .*1\.json"),
    ),
    Case(
        name="dots in names",
        make=source(
            {"a.b.json": labels(GOOD, image="a.b.jpg"), "a.c.json": labels(CORNER, image="a.c.jpg")},
            "a.b.jpg",
            "a.c.jpg",
        ),
        end=Written(rows={"a.b": [ROW], "a.c": [SMALL]}),
    ),
    Case(
        name="renamed, and two suffixes",
        make=source(
            {"x.json": labels(GOOD, image="x.png"), "y.json": labels(CORNER, image="old.jpg")},
            "x.jpg",
            "x.png",
            "y.jpg",
        ),
        end=Written(rows={"x": [], "x-3910c650": [ROW], "y": [SMALL]}, images=["renamed: x.png"]),
    ),
    Case(
        name="one name in two folders",
        make=source(
            {"s1/x.json": labels(GOOD, image="x.jpg"), "s2/x.json": labels(CORNER, image="x.jpg")},
            "s1/x.jpg",
            "s2/x.jpg",
        ),
        end=Written(rows={"x": [ROW], "x-a02e51be": [SMALL]}, images=["renamed: s2/x.jpg"]),
    ),
    Case(
        name="one name in two folders, and the file lies in neither",
        make=source({"json/x.json": labels(GOOD, image="x.jpg")}, "s1/x.jpg", "s2/x.jpg"),
        end=Refused(DataError, r"x\.json: 'x\.jpg' fits several images equally well: s1/x\.jpg, s2/x\.jpg"),
    ),
    Case(
        name="Unicode form and case of a name",
        make=source({"1.json": labels(GOOD, image=unicodedata.normalize("NFD", "Größe.JPG"))}, "größe.jpg"),
        end=Written(rows={"größe": [ROW]}),
    ),
    Case(
        name="image only inside the file",
        make=source({"1.json": labels(GOOD, image="gone.jpg", imageData="AAAA"), "a.json": labels(CORNER)}),
        end=Refused(ImageError, r"gone\.jpg: the image is missing .*named in .*1\.json"),
    ),
    # Documents
    Case(
        name="negative, and an image without a file",
        make=source({"a.json": labels(GOOD), "b.json": labels(image="b.jpg")}, "a.jpg", "b.jpg", "c.jpg"),
        end=Written(
            rows={"a": [ROW], "b": [], "c": []}, notes=["1 images that the source says nothing of count as back"]
        ),
    ),
    Case(
        name="size missing or wrong",
        make=source(
            {
                "a.json": labels(GOOD, imageWidth=None, imageHeight="x"),
                "b.json": labels(GOOD, image="b.jpg", imageWidth=5, imageHeight=5),
            },
            "a.jpg",
            "b.jpg",
        ),
        end=Written(rows={"a": [ROW], "b": [ROW]}, images=["size: b.jpg"]),
    ),
    Case(
        name="truncated",
        make=source({"a.json": labels(GOOD)[:-20]}),
        end=Refused(ParseError, r"a\.json:1: malformed JSON at column \d+"),
    ),
    Case(
        name="shapes are no list",
        make=source({"a.json": json.dumps({"shapes": None, "imagePath": "a.jpg"})}),
        end=Refused(ParseError, r"a\.json \(shapes\): expected `array`, got `null`"),
    ),
    Case(
        name="UTF-16",
        make=source({"a.json": labels(shape("划痕", "rectangle", [[10, 10], [30, 40]])).encode("utf-16")}),
        end=Written(rows=ONE, names=["划痕"]),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_labelme(case: Case, tmp_path: Path) -> None:
    meets_its_end(case, tmp_path)
