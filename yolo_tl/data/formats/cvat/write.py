"""Records → CVAT for images 1.1: one ``annotations.xml`` beside ``images/``.

An oriented box is a box with rotation, or a polygon where its corners are those of no rectangle; keypoints
are a skeleton whose box, which CVAT does not know, is an attribute; a class of an image is a tag.
"""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from yolo_tl.data.formats.base import Output
from yolo_tl.data.geometry.shapes import rotated
from yolo_tl.data.reading.xml_text import escaped, number
from yolo_tl.data.records import Annotation, ImageRecord, Ring

_EXACT = 1e-6  # px by which the corners of a rectangle may be off


def write(output: Output) -> int:
    """Write ``annotations.xml``; an image is named by its place below ``images/``, which tells the split.

    Raises:
        DataError: a name cannot be written in XML.
    """
    path = output.folder / "annotations.xml"
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(
            f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n{_meta(output)}'
        )
        for index, (record, place) in enumerate(zip(output.records, output.images, strict=True)):
            stream.write(_image(index, record, place, output.keypoints))
        stream.write("</annotations>\n")
    return sum(len(record.annotations) for record in output.records)


def _meta(output: Output) -> str:
    labels = []
    for name in output.classes:
        kind = "<type>skeleton</type>" if output.keypoints else ""
        spec = "<name>box</name><mutable>False</mutable><input_type>text</input_type><default_value/><values/>"
        attribute = f"<attribute>{spec}</attribute>" if output.keypoints else ""
        text = f"<name>{escaped(name)}</name>{kind}<attributes>{attribute}</attributes>"
        labels.append(f"        <label>{text}</label>\n")
        for point in output.keypoints:
            parent = f"<type>points</type><attributes/><parent>{escaped(name)}</parent>"
            labels.append(f"        <label><name>{escaped(point)}</name>{parent}</label>\n")
    return (
        "  <meta>\n    <task>\n      <id>1</id>\n      <name>yolo_tl</name>\n"
        f"      <size>{len(output.records)}</size>\n      <mode>annotation</mode>\n"
        f"      <labels>\n{''.join(labels)}      </labels>\n    </task>\n  </meta>\n"
    )


def _image(index: int, record: ImageRecord, place: PurePosixPath, names: tuple[str, ...]) -> str:
    assert record.size is not None
    width, height = record.size
    name = escaped(PurePosixPath(*place.parts[1:]).as_posix())
    shapes = "".join(f"    {_shape(annotation, names)}\n" for annotation in record.annotations)
    head = f'id="{index}" name="{name}" width="{width}" height="{height}"'
    return f"  <image {head}>\n{shapes}  </image>\n"


def _shape(annotation: Annotation, names: tuple[str, ...]) -> str:
    head = f'label="{escaped(annotation.name)}" source="manual"'
    if annotation.is_tag:
        return f"<tag {head}></tag>"
    if annotation.keypoints:
        return _skeleton(annotation, head, names)
    head += ' occluded="0"'
    if annotation.parts:
        return f'<polygon {head} points="{_points(annotation.parts[0])}" z_order="0"></polygon>'
    box, turn = annotation.box, 0.0
    if annotation.corners:
        found = _rectangle(annotation.corners)
        if found is None:
            return f'<polygon {head} points="{_points(annotation.corners)}" z_order="0"></polygon>'
        x1, y1, x2, y2, turn = found
        box = (x1, y1, x2, y2)
    assert box is not None
    sides = " ".join(f'{side}="{number(value)}"' for side, value in zip(("xtl", "ytl", "xbr", "ybr"), box, strict=True))
    rotation = f' rotation="{number(turn)}"' if turn else ""
    return f'<box {head} {sides}{rotation} z_order="0"></box>'


def _skeleton(annotation: Annotation, head: str, names: tuple[str, ...]) -> str:
    points = []
    triplets = zip(annotation.keypoints[::3], annotation.keypoints[1::3], annotation.keypoints[2::3], strict=True)
    for name, (x, y, seen) in zip(names, triplets, strict=True):
        flags = f'outside="{int(seen == 0)}" occluded="{int(seen == 1)}"'
        points.append(
            f'<points label="{escaped(name)}" source="manual" {flags} points="{number(x)},{number(y)}"></points>'
        )
    box = ",".join(map(number, annotation.box or ()))
    return f'<skeleton {head} z_order="0">{"".join(points)}<attribute name="box">{box}</attribute></skeleton>'


def _points(ring: Ring) -> str:
    return ";".join(f"{number(x)},{number(y)}" for x, y in zip(ring[::2], ring[1::2], strict=True))


def _rectangle(corners: Ring) -> tuple[float, float, float, float, float] | None:
    """The box before the turn and the degrees; None where the corners are not those of a rectangle."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = zip(corners[::2], corners[1::2], strict=True)
    if (x1 - x0) * (y3 - y0) - (y1 - y0) * (x3 - x0) < 0:  # counter-clockwise
        x1, y1, x3, y3 = x3, y3, x1, y1
    cx, cy = (x0 + x2) / 2, (y0 + y2) / 2
    width, height = math.hypot(x1 - x0, y1 - y0), math.hypot(x3 - x0, y3 - y0)
    turn = math.degrees(math.atan2(y1 - y0, x1 - x0)) % 360
    box = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
    again = rotated(*box, turn)
    exact = all(abs(a - b) <= _EXACT for a, b in zip(again, (x0, y0, x1, y1, x2, y2, x3, y3), strict=True))
    return (*box, turn) if exact else None
