"""Supervisely: ``meta.json``, and in each data set ``ann/<image>.<ext>.json`` beside ``img/<image>.<ext>``.

Whole numbers are indices of pixels, as its SDK writes them: a rectangle includes its second corner, and
the points of a polygon, an oriented box or a keypoint are centres of pixels. Fractions are points of
the image, as its labelling tool draws them. A bitmap is a PNG, deflated, in base64, at an origin. Angles
are radians, clockwise. The order of the classes is that of ``meta.json``, which also holds the names of
keypoints. Tags of an image are its classes where they have no value; one called train, val or test is
its split.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from yolo_tl.data.documents import load_json
from yolo_tl.data.formats.base import Format
from yolo_tl.data.geometry.bitmaps import bitmap
from yolo_tl.data.geometry.masks import rings_of
from yolo_tl.data.geometry.shapes import extent, ring, rotated
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.fields import class_name, found, typed
from yolo_tl.data.reading.references import image_called
from yolo_tl.data.reading.unlabelled import unlabelled
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder, Note, Ring, Size
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.data.workers import each

_META = "meta.json"
Point = tuple[float, float]


class _Class(msgspec.Struct):
    title: str
    shape: str = ""
    geometry_config: Any = None


class _TagMeta(msgspec.Struct):
    name: str
    applicable_type: str = "all"
    value_type: str = "none"


class _MetaFile(msgspec.Struct):
    classes: list[_Class]
    tags: list[_TagMeta] = []


class _Meta(msgspec.Struct):
    """What ``meta.json`` says: shapes by class, keypoint labels by class and node, the tags of images."""

    shapes: dict[str, str] = {}
    nodes: dict[str, dict[str, str]] = {}
    tags: tuple[str, ...] = ()


class _Document(msgspec.Struct):
    objects: list[Any]
    size: Any = None
    tags: Any = None


class _Points(msgspec.Struct):
    exterior: list[Point]
    interior: list[list[Point]] = []


class _Bitmap(msgspec.Struct):
    data: str
    origin: Point


class _Part(msgspec.Struct):
    parts: list[_Points]


class _Oriented(msgspec.Struct):
    points: Any
    angle: float = 0.0


class _Node(msgspec.Struct):
    loc: Point
    disabled: bool = False


class _Graph(msgspec.Struct):
    nodes: dict[str, _Node]


class _File(msgspec.Struct):
    """What one file says; the keypoints of an object by their names."""

    path: Path
    annotations: list[Annotation]
    keypoints: dict[int, dict[str, tuple[float, float, float]]]
    dropped: list[Dropped]
    size: Size | None
    split: str | None


class _Refused(Exception):
    """An object of which nothing can be made: the reason and a detail."""


def sniff(tree: Tree) -> str | None:
    """JSON files with objects and size, in folders called ann."""
    files = _annotation_files(tree)
    if not files:
        return None
    metas = sum(path.name == _META for path in tree.all_files)
    return f"{len(files)} JSON files with objects and size, {metas} meta.json"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of the JSON files, in the order of their paths; then images without a file.

    Raises:
        ParseError: a file is not JSON, or not what Supervisely writes.
    """
    paths = _annotation_files(tree)
    metas = {path.parent: _load_meta(path) for path in tree.all_files if path.name == _META and _is_meta(tree, path)}
    for meta in metas.values():
        yield ClassOrder(meta.tags if options.task == "classify" else tuple(meta.shapes))
    if not metas:
        yield Note("there is no meta.json: the classes are in alphabetical order, and keypoints have no names")
    files = list(each(partial(_parse, metas=metas), paths, workers=options.workers))
    names = _keypoint_names(files, metas.values())
    if names:
        yield KeypointOrder(names)
    used: set[Path] = set()
    known = frozenset(tree.images)
    for file in files:
        yield from file.dropped
        image = _find(tree, file.path, known)
        used |= {image} & known
        split = file.split or split_of_folder(tree.relative(file.path))
        annotations = tuple(
            msgspec.structs.replace(item, keypoints=_ordered(file.keypoints[i], names)) if i in file.keypoints else item
            for i, item in enumerate(file.annotations)
        )
        yield ImageRecord(image, file.path, annotations, split=split, size=file.size)
    yield from unlabelled(tree, used)


def _annotation_files(tree: Tree) -> list[Path]:
    return [path for path in tree.files(".json") if _is_annotation(*tree.json_outline(path))]


def _is_annotation(kind: str, keys: frozenset[str]) -> bool:
    known = {"size", "objects"} <= keys or {"description", "tags", "size"} <= keys
    return kind == "object" and known and not keys & {"frames", "framesCount", "images", "annotations"}


def _is_meta(tree: Tree, path: Path) -> bool:
    kind, keys = tree.json_outline(path)
    return kind == "object" and "classes" in keys


def _load_meta(path: Path) -> _Meta:
    content: _MetaFile = load_json(path, _MetaFile)
    nodes = {}
    for item in content.classes:
        config = item.geometry_config if isinstance(item.geometry_config, dict) else {}
        given = config.get("nodes")
        if isinstance(given, dict):
            labels = {key: node.get("label") if isinstance(node, dict) else None for key, node in given.items()}
            nodes[item.title.strip()] = {key: class_name(label) or key for key, label in labels.items()}
    return _Meta(
        {item.title.strip(): item.shape for item in content.classes if item.title.strip()},
        nodes,
        tuple(name for tag in content.tags if _is_class(tag) and (name := tag.name.strip()) and not _split(name)),
    )


def _is_class(tag: _TagMeta) -> bool:
    return tag.applicable_type != "objectsOnly" and tag.value_type == "none"


def _split(tag: str) -> str | None:
    return split_in(tag) if tag.isalpha() else None


def _parse(path: Path, metas: Mapping[Path, _Meta]) -> _File:
    document: _Document = load_json(path, _Document)
    meta = next((metas[folder] for folder in path.parents if folder in metas), _Meta())
    file = _File(path, [], {}, [], _size(document.size), None)
    for number, value in enumerate(document.objects, start=1):
        place = f"object {number}"
        if isinstance(value, dict) and isinstance(value.get("id"), int):
            place += f" (id {value['id']})"
        try:
            _object(value, place, meta, file)
        except _Refused as refused:
            reason, detail = refused.args
            file.dropped.append(Dropped(reason, path, place, detail))
        except ValueError as error:
            file.dropped.append(Dropped("malformed", path, place, str(error)))
    for tag in document.tags if isinstance(document.tags, list) else ():
        name = class_name(tag.get("name") if isinstance(tag, dict) else tag)
        if split := _split(name):
            file.split = split
        elif name in meta.tags:
            file.annotations.append(Annotation(name, None, f"tag {name}"))
    return file


def _size(value: Any) -> Size | None:
    width, height = (value.get("width"), value.get("height")) if isinstance(value, dict) else (None, None)
    if type(width) is int and type(height) is int and min(width, height) > 0:
        return width, height
    return None


def _object(value: Any, place: str, meta: _Meta, file: _File) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, found {found(value)}")
    name = class_name(value.get("classTitle"))
    if not name:
        raise _Refused("no_class", f"classTitle is {found(value.get('classTitle'))}")
    kind = value.get("geometryType") or _kind_of(value, meta.shapes.get(name, ""))
    if kind == "graph":
        labels = meta.nodes.get(name, {})
        points = {labels.get(key, key): _keypoint(node) for key, node in typed(value, _Graph).nodes.items()}
        if not points:
            raise _Refused("no_box", f"{name}: a graph without nodes")
        file.keypoints[len(file.annotations)] = points
        file.annotations.append(Annotation(name, None, place))
        return
    if not isinstance(kind, str) or kind not in _GEOMETRY:
        raise _Refused("unsupported_shape", f"{name}: {found(kind)} has no area in the image")
    file.annotations.append(_GEOMETRY[kind](value, name, place))


def _kind_of(value: dict[str, Any], shape: str) -> str:
    """Old files do not say what a shape is: the class does, or else the field that is filled."""
    if shape and shape != "any":
        return shape
    if isinstance(value.get("bitmap"), dict):
        return "bitmap"
    if "nodes" in value:
        return "graph"
    points = value.get("points")
    outline = points.get("exterior") if isinstance(points, dict) else None
    return "rectangle" if isinstance(outline, list) and len(outline) == 2 else "polygon"


def _rectangle(value: dict[str, Any], name: str, place: str) -> Annotation:
    left, top, right, bottom = _bounds(typed(value.get("points"), _Points).exterior)
    return Annotation(name, (left, top, right, bottom), place)


def _bounds(points: list[Point]) -> tuple[float, float, float, float]:
    """Two corners in any order; of whole numbers the second is the last pixel inside."""
    if len(points) != 2:
        raise ValueError(f"expected 2 points, found {len(points)}")
    left, top, right, bottom = extent(ring(points))
    last = 1.0 if all(number.is_integer() for point in points for number in point) else 0.0
    return left, top, right + last, bottom + last


def _polygon(value: dict[str, Any], name: str, place: str) -> Annotation:
    outlines = _outlines(typed(value.get("points"), _Points), name)
    return Annotation(name, None, place, parts=outlines[:1], holes=outlines[1:])


def _several(value: dict[str, Any], name: str, place: str) -> Annotation:
    outlines = [_outlines(part, name) for part in typed(value, _Part).parts]
    if not outlines:
        raise _Refused("too_few_points", f"{name}: no polygon")
    parts, holes = tuple(item[0] for item in outlines), tuple(hole for item in outlines for hole in item[1:])
    return Annotation(name, None, place, parts=parts, holes=holes)


def _outlines(points: _Points, name: str) -> tuple[Ring, ...]:
    """The outer ring and the holes; holes of fewer than three points enclose nothing."""
    if len(points.exterior) < 3:
        raise _Refused("too_few_points", f"{name}: a polygon of {len(points.exterior)} points")
    rings = [points.exterior, *(hole for hole in points.interior if len(hole) >= 3)]
    half = 0.5 if all(number.is_integer() for points in rings for point in points for number in point) else 0.0
    return tuple(ring([(x + half, y + half) for x, y in points]) for points in rings)


def _bitmap(value: dict[str, Any], name: str, place: str) -> Annotation:
    content = typed(value.get("bitmap"), _Bitmap)
    if not all(map(math.isfinite, content.origin)):
        raise ValueError("expected an origin, found numbers that are not finite")
    x, y = map(math.floor, content.origin)
    parts, holes = rings_of(bitmap(content.data), (x, y))
    if not parts:
        raise _Refused("empty_mask", f"{name}: no pixel of the bitmap is set")
    return Annotation(name, None, place, parts=parts, holes=holes)


def _oriented(value: dict[str, Any], name: str, place: str) -> Annotation:
    oriented = typed(value, _Oriented)
    points = oriented.points.get("exterior") if isinstance(oriented.points, dict) else oriented.points
    bounds = _bounds(typed(points, list[Point]))
    return Annotation(name, None, place, corners=rotated(*bounds, math.degrees(oriented.angle)))


_GEOMETRY: dict[str, Callable[[dict[str, Any], str, str], Annotation]] = {
    "rectangle": _rectangle,
    "polygon": _polygon,
    "multipolygon": _several,
    "bitmap": _bitmap,
    "alpha_mask": _bitmap,
    "oriented_bbox": _oriented,
}


def _keypoint(node: _Node) -> tuple[float, float, float]:
    """A node that is disabled stands where the point would be, were it to be seen."""
    x, y = node.loc
    half = 0.5 if x.is_integer() and y.is_integer() else 0.0
    return x + half, y + half, 1.0 if node.disabled else 2.0


def _keypoint_names(files: list[_File], metas: Any) -> tuple[str, ...]:
    """The names of the templates in their order, then those of nodes that are in none."""
    names = dict.fromkeys(label for meta in metas for labels in meta.nodes.values() for label in labels.values())
    used = {label for file in files for points in file.keypoints.values() for label in points}
    return (*(name for name in names if name in used), *sorted(used - names.keys()))


def _ordered(points: dict[str, tuple[float, float, float]], names: tuple[str, ...]) -> Ring:
    return tuple(value for name in names for value in points.get(name, (0.0, 0.0, 0.0)))


def _find(tree: Tree, path: Path, known: frozenset[Path]) -> Path:
    """``ds/ann/a.jpg.json`` speaks of ``ds/img/a.jpg``."""
    beside = path.parent.parent / "img" / path.stem
    return beside if beside in known else image_called(tree, path.stem, near=path)


FORMAT = Format(
    name="supervisely",
    looks_for="Supervisely: meta.json, and .json files with objects and size",
    suffixes=(".json",),
    sniff=sniff,
    read=read,
)
