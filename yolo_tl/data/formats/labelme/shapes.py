"""The shapes of one LabelMe file → objects: geometry, parts joined, points given to their objects."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from yolo_tl.data.geometry.bitmaps import bitmap
from yolo_tl.data.geometry.masks import rings_of
from yolo_tl.data.geometry.shapes import ellipse, extent, ring
from yolo_tl.data.reading.fields import class_name, found, typed
from yolo_tl.data.records import XYXY, Annotation, Dropped, Ring, replace

NOT_CLASSES = ("__ignore__", "_background_")
_AREAS = ("polygon", "mask", "circle")
_HIDDEN = ("hidden", "occluded")

Point = tuple[float, float]
Keypoint = tuple[float, float, float]


class Labels(msgspec.Struct):
    """What the shapes of a file are.

    Attributes:
        objects: the annotations, without keypoints.
        dropped: the shapes of which nothing can be made.
        points: the keypoints of objects by name, by the index of the object.
        shapes: how many shapes the file has.
        joined: how many of them became parts of an object of several.
        groups: how many such objects there are.
    """

    objects: tuple[Annotation, ...]
    dropped: tuple[Dropped, ...]
    points: dict[int, dict[str, Keypoint]]
    shapes: int
    joined: int
    groups: int


class _Shape(msgspec.Struct):
    label: Any = None
    points: Any = None
    group_id: Any = None
    shape_type: Any = None
    mask: Any = None
    flags: Any = None
    difficult: Any = None


class _Geometry(msgspec.Struct):
    box: XYXY | None = None
    parts: tuple[Ring, ...] = ()
    holes: tuple[Ring, ...] = ()
    corners: Ring = ()
    repair: str = ""


class _Refused(Exception):
    """A shape of which nothing can be made: the reason and a detail."""


def objects_of(shapes: list[Any], source: Path) -> Labels:
    """The objects of a file, in the order of their first shapes."""
    return _Objects(source).run(shapes)


class _Objects:
    def __init__(self, source: Path) -> None:
        self.source = source
        self.objects: list[Annotation] = []
        self.dropped: list[Dropped] = []
        self.kinds: list[str] = []
        self.members: dict[str, list[int]] = {}  # objects by group_id
        self.sizes: dict[tuple[str, str], list[int]] = {}  # index and shapes of an object of parts
        self.loose: list[tuple[str, str, _Shape]] = []

    def run(self, shapes: list[Any]) -> Labels:
        for number, value in enumerate(shapes, start=1):
            place = f"shape {number}"
            try:
                self._shape(value, place)
            except _Refused as refused:
                reason, detail = refused.args
                self.dropped.append(Dropped(reason, self.source, place, detail))
            except ValueError as error:
                self.dropped.append(Dropped("malformed", self.source, place, str(error)))
        points = self._points()
        parts = [count for _, count in self.sizes.values() if count > 1]
        return Labels(tuple(self.objects), tuple(self.dropped), points, len(shapes), sum(parts), len(parts))

    def _shape(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"expected a shape, found {found(value)}")
        shape = typed(value, _Shape)
        name = class_name(shape.label)
        if not name:
            raise _Refused("no_class", f"label is {found(shape.label)}")
        kind = "polygon" if shape.shape_type is None else shape.shape_type
        group = "" if shape.group_id is None else found(shape.group_id)
        if kind == "point" and group:
            self.loose.append((place, group, shape))
            return
        if not isinstance(kind, str) or kind not in _GEOMETRY:
            raise _Refused("unsupported_shape", f"{name}: a {found(kind).strip(chr(39))} has no area")
        geometry = _GEOMETRY[kind](shape)
        known = self.sizes.get((group, name)) if group and kind in _AREAS else None
        if known is not None:
            known[1] += 1
            self._join(known[0], geometry)
            return
        index = len(self.objects)
        ignore = name in NOT_CLASSES
        self.objects.append(
            Annotation(
                name,
                geometry.box,
                place,
                difficult=shape.difficult is True,
                ignore=ignore,
                repair=geometry.repair,
                parts=geometry.parts,
                holes=geometry.holes,
                corners=geometry.corners,
            )
        )
        self.kinds.append(kind)
        if group:
            self.members.setdefault(group, []).append(index)
            if kind in _AREAS:
                self.sizes[group, name] = [index, 1]

    def _join(self, index: int, geometry: _Geometry) -> None:
        before = self.objects[index]
        parts, holes = (*before.parts, *geometry.parts), (*before.holes, *geometry.holes)
        box = extent(parts) if before.box is not None and geometry.box is not None else None
        repair = before.repair or geometry.repair
        self.objects[index] = replace(before, box=box, parts=parts, holes=holes, repair=repair)

    def _points(self) -> dict[int, dict[str, Keypoint]]:
        """Each point with a group goes to the one object of that group; to its rectangle, if there are several."""
        points: dict[int, dict[str, Keypoint]] = {}
        for place, group, shape in self.loose:
            name = class_name(shape.label)
            owners = self.members.get(group, [])
            if len(owners) > 1:
                owners = [i for i in owners if self.kinds[i] == "rectangle"]
            try:
                if len(owners) != 1:
                    which = "several objects" if owners else "no object"
                    raise _Refused("unsupported_shape", f"{name}: a point whose group_id is that of {which}")
                given = points.setdefault(owners[0], {})
                if name in given:
                    raise _Refused("duplicate_keypoint", f"{name}: the object has one already")
                (x, y), *_ = _points_of(shape, 1)
                given[name] = (x, y, 1.0 if _is_hidden(shape) else 2.0)
            except _Refused as refused:
                reason, detail = refused.args
                self.dropped.append(Dropped(reason, self.source, place, detail))
            except ValueError as error:
                self.dropped.append(Dropped("malformed", self.source, place, str(error)))
        return {index: given for index, given in points.items() if given}


def _is_hidden(shape: _Shape) -> bool:
    flags = shape.flags if isinstance(shape.flags, dict) else {}
    return shape.difficult is True or any(flags.get(flag) is True for flag in _HIDDEN)


def _points_of(shape: _Shape, count: int) -> list[Point]:
    points = typed(shape.points, list[Point])
    if len(points) != count:
        raise ValueError(f"expected {count} points, found {len(points)}")
    return points


def _polygon(shape: _Shape) -> _Geometry:
    points = typed(shape.points, list[Point])
    if len(points) < 3:
        raise _Refused("too_few_points", f"a polygon of {len(points)} points")
    return _Geometry(parts=(ring(points),))


def _rectangle(shape: _Shape) -> _Geometry:
    """Two opposite corners in any order; or four (X-AnyLabeling), which may be turned."""
    points = typed(shape.points, list[Point])
    if len(points) not in (2, 4):
        raise ValueError(f"expected 2 points, found {len(points)}")
    if len(points) == 4 and (len({x for x, _ in points}) > 2 or len({y for _, y in points}) > 2):
        return _Geometry(corners=ring(points))
    return _Geometry(box=extent(ring(points)))


def _oriented(shape: _Shape) -> _Geometry:
    return _Geometry(corners=ring(_points_of(shape, 4)))


def _circle(shape: _Shape) -> _Geometry:
    (cx, cy), (x, y) = _points_of(shape, 2)
    radius = math.hypot(x - cx, y - cy)
    return _Geometry(box=(cx - radius, cy - radius, cx + radius, cy + radius), parts=(ellipse(cx, cy, radius, radius),))


def _mask(shape: _Shape) -> _Geometry:
    (x1, y1), (x2, y2) = _points_of(shape, 2)
    if not isinstance(shape.mask, str):
        raise ValueError(f"expected a mask in base64, found {found(shape.mask)}")
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError("expected corners of the mask, found numbers that are not finite")
    left, top, right, bottom = (round(value) for value in (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)))
    pixels = bitmap(shape.mask)
    parts, holes = rings_of(pixels, (left, top))
    if not parts:
        raise _Refused("empty_mask", "no pixel of the mask is set")
    fits = pixels.shape == (bottom - top + 1, right - left + 1)
    return _Geometry(parts=parts, holes=holes, repair="" if fits else "mask_size")


_GEOMETRY: dict[str, Callable[[_Shape], _Geometry]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "oriented_rectangle": _oriented,
    "rotation": _oriented,
    "circle": _circle,
    "mask": _mask,
}
