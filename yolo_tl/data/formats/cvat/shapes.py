"""The shapes of CVAT XML 1.1 (site/content/en/docs/manual/advanced/xml_format.md of the CVAT repository).

Coordinates are 0-based px; rotation is in degrees, clockwise about the centre of the shape. Polylines
and loose points outline nothing and are not read; of a cuboid the extent is taken.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping

from msgspec import Struct

from yolo_tl.data.geometry.masks import rings_of_runs
from yolo_tl.data.geometry.shapes import ellipse, extent, rotated
from yolo_tl.data.records import XYXY, Annotation, Ring

_BOX = ("xtl", "ytl", "xbr", "ybr")
_ELLIPSE = ("cx", "cy", "rx", "ry")
_CUBOID = tuple(f"{axis}{corner}{face}" for face in "12" for corner in ("tl", "bl", "tr", "br") for axis in "xy")


class ShapeError(ValueError):
    """A shape of which nothing can be made.

    Args:
        reason: the short word it is dropped under.
        detail: what was found.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Shape(Struct, frozen=True):
    """One shape as numbers, between which those of other frames can be interpolated.

    Attributes:
        kind: box, polygon, ellipse, mask, cuboid or skeleton.
        numbers: of a box xtl, ytl, xbr, ybr; of an ellipse cx, cy, rx, ry; of the others x, y of each
            point; none for a mask.
        rotation: degrees.
        names: the labels of the points of a skeleton.
        visibility: of the points of a skeleton, as in `Annotation.keypoints`.
        parts: outer rings of a mask.
        holes: inner rings of a mask.
        box: of a skeleton that has one (an attribute of that name, as written by this package).
    """

    kind: str
    numbers: tuple[float, ...] = ()
    rotation: float = 0.0
    names: tuple[str, ...] = ()
    visibility: tuple[int, ...] = ()
    parts: tuple[Ring, ...] = ()
    holes: tuple[Ring, ...] = ()
    box: XYXY | None = None

    @property
    def is_outside(self) -> bool:
        """It is a skeleton none of whose points is in the image."""
        return self.kind == "skeleton" and not any(self.visibility)


def shape_of(element: ET.Element) -> Shape:
    """The shape that an element describes.

    Raises:
        ShapeError: the element is malformed, or is no shape that encloses anything.
    """
    kind = element.tag
    if kind == "box":
        return Shape(kind, _numbers(element, _BOX), _rotation(element))
    if kind == "ellipse":
        return Shape(kind, _numbers(element, _ELLIPSE), _rotation(element))
    if kind == "cuboid":
        return Shape(kind, _numbers(element, _CUBOID))
    if kind == "polygon":
        points = _points(element)
        if len(points) < 6:
            raise ShapeError("malformed", f"expected three points or more, found {len(points) // 2}")
        return Shape(kind, points)
    if kind == "mask":
        return _mask(element)
    if kind == "skeleton":
        return _skeleton(element)
    raise ShapeError("unsupported_shape", f"{kind} encloses nothing")


def annotation_of(label: str, shape: Shape, place: str, order: Mapping[str, int], *, repair: str = "") -> Annotation:
    """The annotation of a shape.

    Args:
        label: the class.
        shape: the shape.
        place: where in the source.
        order: the index of each keypoint by its name.
        repair: what was done to get the shape.

    Raises:
        ShapeError: a point of a skeleton has an unknown name.
    """
    numbers, turned = shape.numbers, shape.rotation % 360 != 0
    if shape.kind == "box":
        box = (numbers[0], numbers[1], numbers[2], numbers[3])
        if not turned:
            return Annotation(label, box, place, repair=repair)
        corners = rotated(*box, shape.rotation)
        return Annotation(label, extent(corners), place, repair=repair, corners=corners)
    if shape.kind == "ellipse":
        cx, cy, rx, ry = numbers
        ring = ellipse(cx, cy, rx, ry, shape.rotation)
        corners = rotated(cx - rx, cy - ry, cx + rx, cy + ry, shape.rotation) if turned else ()
        return Annotation(label, extent(ring), place, repair=repair, parts=(ring,), corners=corners)
    if shape.kind == "cuboid":
        return Annotation(label, extent(numbers), place, repair=repair or "box_from_cuboid")
    if shape.kind == "skeleton":
        return Annotation(label, shape.box, place, repair=repair, keypoints=_keypoints(shape, order))
    return Annotation(label, None, place, repair=repair, parts=shape.parts or (numbers,), holes=shape.holes)


def between(before: Shape, after: Shape, share: float) -> Shape:
    """The shape at a share of the way from one keyframe to the next; the first where the two do not match."""
    if (before.kind, before.names, len(before.numbers)) != (after.kind, after.names, len(after.numbers)):
        return before
    # A point that leaves the image has no place to go to.
    goes = [not after.visibility or after.visibility[i // 2] > 0 for i in range(len(after.numbers))]
    pairs = zip(before.numbers, after.numbers, goes, strict=True)
    numbers = tuple(a + (b - a) * share if move else a for a, b, move in pairs)
    turn = (after.rotation - before.rotation + 180) % 360 - 180  # the short way round
    return Shape(before.kind, numbers, before.rotation + turn * share, before.names, before.visibility)


def _numbers(element: ET.Element, names: tuple[str, ...]) -> tuple[float, ...]:
    try:
        return tuple(float(element.attrib[name]) for name in names)
    except (KeyError, ValueError) as error:
        found = ", ".join(f"{name}={element.get(name)!r}" for name in names)
        raise ShapeError("malformed", f"expected {len(names)} numbers, found {found}") from error


def _rotation(element: ET.Element) -> float:
    return _numbers(element, ("rotation",))[0] if element.get("rotation") else 0.0


def _points(element: ET.Element) -> tuple[float, ...]:
    text = element.get("points", "")
    try:
        pairs = [tuple(map(float, pair.split(","))) for pair in text.split(";")]
    except ValueError:
        pairs = [()]
    if any(len(pair) != 2 for pair in pairs):
        raise ShapeError("malformed", f"expected points as x,y;x,y, found {text[:60]!r}")
    return tuple(value for pair in pairs for value in pair)


def _mask(element: ET.Element) -> Shape:
    """Run lengths along the rows of a crop, starting with those of clear pixels."""
    try:
        left, top, width, height = (int(element.attrib[name]) for name in ("left", "top", "width", "height"))
        runs = [int(run) for run in element.attrib["rle"].split(",")]
        rings = rings_of_runs(runs, width, height, by_rows=True)
        dx, dy = float(left), float(top)
    except (KeyError, ValueError, OverflowError) as error:
        raise ShapeError("malformed", f"expected rle, left, top, width, height of a mask: {error}") from error
    parts, holes = (
        tuple(tuple(value + (dy if i % 2 else dx) for i, value in enumerate(ring)) for ring in group) for group in rings
    )
    if not parts:
        raise ShapeError("empty_mask", "no pixel of the mask is set")
    return Shape("mask", parts=parts, holes=holes)


def _skeleton(element: ET.Element) -> Shape:
    names: list[str] = []
    numbers: list[float] = []
    visibility: list[int] = []
    for child in element.iterfind("points"):
        xy = _points(child)
        name = (child.get("label") or "").strip()
        if len(xy) != 2 or not name or name in names:
            raise ShapeError("malformed", f"expected one point for each label of a skeleton, found {child.attrib}")
        names.append(name)
        numbers += xy
        visibility.append(0 if child.get("outside") == "1" else 1 if child.get("occluded") == "1" else 2)
    if not names:
        raise ShapeError("malformed", "a skeleton without points")
    texts = [child.text or "" for child in element.iterfind("attribute") if child.get("name") == "box"]
    try:
        x1, y1, x2, y2 = map(float, texts[0].split(","))
        box: XYXY | None = (x1, y1, x2, y2)
    except (IndexError, ValueError):
        box = None
    return Shape("skeleton", tuple(numbers), 0.0, tuple(names), tuple(visibility), box=box)


def _keypoints(shape: Shape, order: Mapping[str, int]) -> Ring:
    keypoints = [0.0] * (3 * len(order))
    for number, (name, seen) in enumerate(zip(shape.names, shape.visibility, strict=True)):
        if name not in order:
            raise ShapeError("unknown_keypoint", f"{name!r} is not a point of a skeleton in <labels>")
        if seen:
            at = 3 * order[name]
            keypoints[at : at + 3] = (*shape.numbers[2 * number : 2 * number + 2], float(seen))
    return tuple(keypoints)
