"""CVAT sources that other converters lose shapes of or get wrong: each to its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.hostile import BOX, Case, Refused, Written, meets_its_end
from support.pictures import picture

from yolo_tl.errors import DataError, DataNotFound, ImageError, ParseError

ROW = f"0 {BOX}"
ONE = {"a": [ROW]}


def box(corners: tuple[object, ...] = (10, 10, 30, 40), label: str = "cat", more: str = "") -> str:
    sides = " ".join(f'{s}="{v}"' for s, v in zip(("xtl", "ytl", "xbr", "ybr"), corners, strict=True))
    return f'<box label="{label}" {sides} {more}/>\n'


GOOD = box()


def image(*shapes: str, name: str = "a.jpg", more: str = 'width="100" height="50"') -> str:
    return f'<image id="0" name="{name}" {more}>\n{"".join(shapes)}</image>\n'


def labels(*names: str) -> str:
    return "".join(f"<label><name>{name}</name></label>" for name in names)


def xml(*content: str, classes: tuple[str, ...] = ("cat",), points: tuple[str, ...] = (), task: str = "") -> str:
    parts = labels(*points).replace("</name>", "</name><parent>man</parent>")
    meta = f"<meta><task><labels>{labels(*classes)}{parts}</labels>{task}</task></meta>"
    return f"<annotations><version>1.1</version>{meta}\n{''.join(content)}</annotations>\n"


def source(content: str | bytes, *pictures: str) -> Callable[[Path], None]:
    """annotations.xml, and pictures of 100 x 50 px."""

    def make(folder: Path) -> None:
        (folder / "annotations.xml").write_bytes(content if isinstance(content, bytes) else content.encode())
        for name in pictures or ("a.jpg",):
            picture(folder / name)

    return make


def drawn(frame: int, x: int, more: str = 'outside="0"') -> str:
    return box((x, 10, x + 20, 40), more=f'frame="{frame}" keyframe="1" {more}').replace('label="cat" ', "")


VIDEO = "<size>3</size><mode>interpolation</mode><start_frame>0</start_frame><stop_frame>2</stop_frame>"
FRAMES = tuple(f"frame_{number:06d}.png" for number in range(3))
TRACK = f'<track id="0" label="cat">{drawn(0, 0)}{drawn(2, 20, "outside=" + chr(34) + "1" + chr(34))}</track>'
SKELETON = (
    '<skeleton label="man"><points label="l" outside="0" occluded="0" points="10,10"/>'
    '<points label="r" outside="1" occluded="0" points="1,1"/></skeleton>'
)

CASES = [
    Case(
        name="box turned by 90 degrees",
        # 20 x 30 px about (20, 25) becomes 30 x 20 px.
        make=source(xml(image(box(more='rotation="90"')))),
        end=Written(rows={"a": ["0 0.2 0.5 0.3 0.4"]}),
        command=True,
    ),
    Case(
        name="box turned by 90 degrees, as an oriented box",
        make=source(xml(image(box(more='rotation="90"')))),
        options={"task": "obb"},
        end=Written(rows={"a": ["0 0.35 0.3 0.35 0.7 0.05 0.7 0.05 0.3"]}),
    ),
    Case(
        name="box, polygon, ellipse, mask, line, point and tag in one image",
        make=source(
            xml(
                image(
                    GOOD,
                    '<polygon label="cat" points="0,0;20,0;20,20"/>',
                    '<ellipse label="cat" cx="50" cy="25" rx="10" ry="5"/>',
                    '<mask label="cat" rle="0,4" left="90" top="40" width="2" height="2"/>',
                    '<polyline label="cat" points="0,0;20,20"/>',
                    '<points label="cat" points="5,5"/>',
                    '<tag label="cat"/>',
                )
            )
        ),
        end=Written(
            rows={"a": [ROW, "0 0.1 0.2 0.2 0.4", "0 0.5 0.5 0.2 0.2", "0 0.91 0.82 0.02 0.04"]},
            dropped=[
                "tag: annotations.xml (image 0, tag 7)",
                "unsupported_shape: annotations.xml (image 0, points 6)",
                "unsupported_shape: annotations.xml (image 0, polyline 5)",
            ],
            repaired=[
                "box_from_polygon: annotations.xml (image 0, mask 4)",
                "box_from_polygon: annotations.xml (image 0, polygon 2)",
            ],
        ),
    ),
    Case(
        name="track that ends, between keyframes",
        make=source(xml(TRACK, task=VIDEO), *FRAMES),
        end=Written(
            rows={
                "frame_000000": ["0 0.1 0.5 0.2 0.6"],
                "frame_000001": ["0 0.2 0.5 0.2 0.6"],
                "frame_000002": [],
            },
            repaired=["interpolated: annotations.xml (track 0, frame 1)"],
            notes=["1 shapes with outside=1 end a track"],
        ),
        command=True,
    ),
    Case(
        name="track without its frames",
        make=source(xml(TRACK, task=VIDEO), "other.jpg"),
        end=Refused(DataNotFound, r"annotations\.xml: expected the frames frame_000000 to frame_00000\d as images"),
    ),
    Case(
        name="frames counted from 1",
        make=source(xml(TRACK, task=VIDEO), *(f"frame_{number:06d}.png" for number in (1, 2, 3))),
        end=Refused(DataError, r"annotations\.xml: the frames are numbered from 1, those of CVAT from 0"),
    ),
    Case(
        name="labels not in alphabetical order, one that is listed nowhere",
        make=source(
            xml(image(GOOD, box((0, 0, 20, 20), "ant"), box((0, 0, 10, 10), "new")), classes=("zoo", "cat", "ant"))
        ),
        end=Written(
            rows={"a": [f"1 {BOX}", "2 0.1 0.2 0.2 0.4", "3 0.05 0.1 0.1 0.2"]}, names=["zoo", "cat", "ant", "new"]
        ),
    ),
    Case(
        name="numbers that are none",
        make=source(
            xml(
                image(
                    GOOD,
                    box(("", 0, 1, 1)),
                    box(("NaN", 0, 1, 1)),
                    box((0, 0, "1e999", 1)),
                    box(more='rotation="x"'),
                    '<polygon label="cat" points="1,1;2"/>',
                    '<mask label="cat" rle="1,99999999999" left="0" top="0" width="99999" height="99999"/>',
                    '<box label="cat"/>',
                )
            )
        ),
        end=Written(
            rows=ONE,
            dropped=[
                *(
                    f"malformed: annotations.xml (image 0, {place})"
                    for place in ("box 2", "box 5", "box 8", "mask 7", "polygon 6")
                ),
                *(f"not_finite: annotations.xml (image 0, box {i})" for i in (3, 4)),
            ],
        ),
    ),
    Case(
        name="skeleton of one point that is seen: it has no area",
        make=source(xml(image(GOOD, SKELETON), classes=("cat", "man"), points=("l", "r"))),
        end=Written(rows=ONE, names=["cat", "man"], dropped=["zero_area: annotations.xml (image 0, skeleton 2)"]),
    ),
    Case(
        name="skeleton of points that are listed nowhere",
        make=source(xml(image(GOOD, SKELETON), classes=("cat", "man"))),
        end=Written(
            rows=ONE, names=["cat", "man"], dropped=["unknown_keypoint: annotations.xml (image 0, skeleton 2)"]
        ),
    ),
    Case(
        name="swapped corners, no area, beyond the image, twice, no label",
        make=source(
            xml(
                image(
                    box((30, 40, 10, 10)),
                    box((5, 5, 5, 9)),
                    box((90, 10, 200, 40)),
                    box((200, 1, 210, 9)),
                    GOOD,
                    box(label=""),
                )
            )
        ),
        end=Written(
            rows={"a": [ROW, "0 0.95 0.5 0.1 0.6"]},
            dropped=[
                "duplicate: annotations.xml (image 0, box 5)",
                "no_class: annotations.xml (image 0, box 6)",
                "outside: annotations.xml (image 0, box 4)",
                "zero_area: annotations.xml (image 0, box 2)",
            ],
            repaired=["clipped: annotations.xml (image 0, box 3)", "swapped: annotations.xml (image 0, box 1)"],
        ),
    ),
    Case(
        name="path climbs out, path of another machine",
        make=source(xml(image(GOOD, name="../../../x.jpg"), image(GOOD, name="C:\\me\\b.jpg")), "x.jpg", "b.jpg"),
        end=Written(rows={"b": [ROW], "x": [ROW]}),
    ),
    Case(
        name="one name in two subsets",
        make=source(
            xml(
                image(GOOD, more='width="100" height="50" subset="Train"'),
                image(box((0, 0, 20, 20)), more='width="100" height="50" subset="Validation"'),
            ),
            "images/Train/a.jpg",
            "images/Validation/a.jpg",
        ),
        end=Written(rows={"a": [ROW], "val/a": ["0 0.1 0.2 0.2 0.4"]}),
    ),
    Case(
        name="image missing",
        make=source(xml(image(GOOD), image(GOOD, name="b.jpg"))),
        end=Refused(ImageError, r"b\.jpg: the image is missing .*named in .*annotations\.xml"),
    ),
    Case(
        name="image without a name, shape outside of any image",
        make=source(xml(image(GOOD), image(GOOD, name=""), GOOD)),
        end=Written(
            rows=ONE,
            dropped=["no_image: annotations.xml (box 4)", "no_image: annotations.xml (image 0, box 1)"],
        ),
    ),
    Case(
        name="size missing or wrong",
        make=source(
            xml(
                image(GOOD, more=""),
                image(GOOD, name="b.jpg", more='width="7" height="x"'),
                image(name="c.jpg", more='width="7" height="7"'),
            ),
            "a.jpg",
            "b.jpg",
            "c.jpg",
        ),
        end=Written(rows={"a": [ROW], "b": [ROW], "c": []}, images=["size: c.jpg"]),
    ),
    Case(
        name="truncated",
        make=source(xml(image(GOOD))[:-30]),
        end=Refused(ParseError, r"annotations\.xml:\d: malformed XML"),
    ),
    Case(
        name="document type",
        make=source('<!DOCTYPE a [<!ENTITY b "c">]>' + xml(image(GOOD))),
        end=Refused(ParseError, r"annotations\.xml: expected annotations, found a document type declaration"),
    ),
    Case(
        name="UTF-16",
        make=source(xml(image(box(label="划痕")), classes=("划痕",)).encode("utf-16")),
        end=Written(rows=ONE, names=["划痕"]),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cvat(case: Case, tmp_path: Path) -> None:
    meets_its_end(case, tmp_path)
