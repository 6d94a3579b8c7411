"""VGG Image Annotator (VIA): projects and exports of versions 1 to 3, JSON or CSV.

Coordinates are px, 0-based; the size of the images stands nowhere. The class is one of the attributes that
the user has made up: the only one that regions use, else the only one of those that has options, else the
one asked for. A checkbox attribute gives an object for each name that is checked. Where there are no
attributes at all, everything is of one class. See `yolo_tl.data.formats.via.files` for the layouts.
"""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from yolo_tl.data.formats.base import Format
from yolo_tl.data.formats.via import files as via_files
from yolo_tl.data.formats.via.files import Attribute, Document, Region
from yolo_tl.data.geometry.shapes import ellipse, extent, ring
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.fields import class_name, found, typed
from yolo_tl.data.reading.references import image_called, unmentioned
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.errors import DataError

_ONLY_CLASS = "object"
_NAMES = {
    "project": "a project of version 2",
    "images": "images of version 1 or 2",
    "csv": "a CSV",
    "version 3": "a project of version 3",
}


class _Rectangle(msgspec.Struct):
    x: float
    y: float
    width: float
    height: float


class _Circle(msgspec.Struct):
    cx: float
    cy: float
    r: float


class _Ellipse(msgspec.Struct):
    cx: float
    cy: float
    rx: float
    ry: float
    theta: float = 0.0  # radians, clockwise


class _Polygon(msgspec.Struct):
    all_points_x: list[float]
    all_points_y: list[float]


def sniff(tree: Tree) -> str | None:
    """JSON or CSV files in a layout of VIA."""
    files = _annotation_files(tree)
    if not files:
        return None
    named = ", ".join(f"{tree.relative(path)} ({_NAMES[kind]})" for path, kind in files[:3])
    return f"{len(files)} files of VIA: {named}" + (", ..." if len(files) > 3 else "")


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of each file in turn.

    Raises:
        ParseError: a file is not JSON or CSV, or not what VIA writes.
        DataError: several attributes could be the class; or there is none of the name asked for.
    """
    documents = [via_files.load(path, kind) for path, kind in _annotation_files(tree)]
    regions = [region.attributes for document in documents for image in document.images for region in image.regions]
    declared = {name: item for document in documents for name, item in document.region_attributes.items()}
    chosen = _class_attribute(tree, declared, regions, options.attribute, "region") if regions else ""
    yield from _class_order(declared, chosen)
    if regions and not chosen and not declared:
        yield Note(f"the regions have no attributes: all of them are of one class, called {_ONLY_CLASS!r}")
    elif chosen:
        yield Note(f"the class is the region attribute {chosen!r}")
    of_images = {name: item for document in documents for name, item in document.file_attributes.items()}
    tag = _tag_attribute(tree, documents, of_images, options) if not regions else ""
    yield from _class_order(of_images, tag)
    known, mentioned = frozenset(tree.images), set[Path]()
    for document in documents:
        yield from map(Note, document.notes)
        yield from document.dropped
        listed = split_in(document.path.stem) or split_of_folder(tree.relative(document.path))
        for image in document.images:
            path = _find(tree, image, document.path, listed)
            mentioned.add(path)
            annotations: list[Annotation] = []
            for region in image.regions:
                for item in _objects(region, chosen, declared, document.path):
                    if isinstance(item, Dropped):
                        yield item
                    else:
                        annotations.append(item)
            if tag:
                annotations += _tags(image, tag, document)
            split = listed
            if listed is None and path in known:
                split = split_of_folder(path.relative_to(tree.image_root).as_posix())
            yield ImageRecord(path, document.path, tuple(annotations), split=split)
    yield from unmentioned(tree, mentioned)


def _annotation_files(tree: Tree) -> list[tuple[Path, str]]:
    files = []
    for path in tree.files(".json", ".csv"):
        if path.suffix.lower() == ".csv":
            kind = via_files.kind_of("", frozenset(), tree.csv_header(path))
        else:
            kind = via_files.kind_of(*tree.json_outline(path), ())
        if kind and (kind != "images" or via_files.is_images(path)):
            files.append((path, kind))
    return files


def _class_attribute(tree: Tree, declared: dict[str, Attribute], given: Sequence[Any], asked: str, of: str) -> str:
    """The attribute that holds the class; "" where there is none."""
    used = {name for values in given if isinstance(values, dict) for name, value in values.items() if _checked(value)}
    if asked:
        if asked in used or asked in declared:
            return asked
        names = ", ".join(sorted({*used, *declared})) or "none"
        raise DataError(f"{tree.source}: no {of} has an attribute {asked!r}", hint=f"there are: {names}")
    fitting = used or set(declared)
    if len(fitting) > 1:
        fitting = {name for name in fitting if name in declared and declared[name].options} or fitting
    if len(fitting) > 1 and used:
        raise DataError(
            f"{tree.source}: several {of} attributes could be the class: {', '.join(sorted(fitting))}",
            hint="--attribute says which",
        )
    return min(fitting, default="")


def _tag_attribute(tree: Tree, documents: list[Document], declared: dict[str, Attribute], options: ReadOptions) -> str:
    """The attribute of the images that classifies them: one with options, or the one asked for."""
    if not options.attribute and not any(item.options for item in declared.values()):
        return ""
    given = [image.attributes for document in documents for image in document.images]
    return _class_attribute(tree, declared, given, options.attribute, "image")


def _tags(image: via_files.Image, attribute: str, document: Document) -> Iterator[Annotation]:
    values = image.attributes if isinstance(image.attributes, dict) else {}
    for name in _class_names(values.get(attribute), document.file_attributes.get(attribute)):
        yield Annotation(name, None, f"{image.name}, attribute {attribute}")


def _class_order(declared: dict[str, Attribute], chosen: str) -> Iterator[ClassOrder]:
    if chosen in declared and declared[chosen].options:
        names = (class_name(name) for name in declared[chosen].options.values())
        yield ClassOrder(tuple(dict.fromkeys(name for name in names if name)))


def _checked(value: Any) -> list[str]:
    """What an attribute is set to: a text, or every key of a checkbox that is not false."""
    if isinstance(value, dict):
        value = [key for key, is_set in value.items() if is_set]
    names = value if isinstance(value, list) else [value]
    return [name for name in map(class_name, names) if name]


def _class_names(value: Any, attribute: Attribute | None) -> list[str]:
    names = _checked(value)
    if attribute is None:
        return names
    if attribute.many and isinstance(value, str):
        names = [name.strip() for name in value.split(",") if name.strip()]
    return [class_name(attribute.options.get(name, name)) or name for name in names]


def _objects(
    region: Region, chosen: str, declared: dict[str, Attribute], source: Path
) -> Iterator[Annotation | Dropped]:
    """An annotation for each class of a region."""
    place = region.place
    values = region.attributes if isinstance(region.attributes, dict) else {}
    names = _class_names(values.get(chosen), declared.get(chosen)) if chosen else []
    if not chosen and not declared:
        names = [_ONLY_CLASS]
    if not names:
        yield Dropped("no_class", source, place, f"attribute {chosen!r} is {found(values.get(chosen))}")
    for name in dict.fromkeys(names):
        yield _object(name, region.shape, source, place)


def _object(name: str, shape: Any, source: Path, place: str) -> Annotation | Dropped:
    if not isinstance(shape, dict) or not shape:
        return Dropped("no_box", source, place, f"{name}: expected shape_attributes, found {found(shape)}")
    kind = shape.get("name")
    try:
        if kind == "rect":
            box = typed(shape, _Rectangle)
            return Annotation(name, (box.x, box.y, box.x + box.width, box.y + box.height), place)
        if kind == "circle":
            circle = typed(shape, _Circle)
            outline = ellipse(circle.cx, circle.cy, circle.r, circle.r)
            return Annotation(name, extent(outline), place, parts=(outline,))
        if kind == "ellipse":
            oval = typed(shape, _Ellipse)
            outline = ellipse(oval.cx, oval.cy, oval.rx, oval.ry, math.degrees(oval.theta))
            return Annotation(name, extent(outline), place, parts=(outline,))
        if kind == "polygon":
            polygon = typed(shape, _Polygon)
            points = ring(zip(polygon.all_points_x, polygon.all_points_y, strict=True))
            if len(points) < 6:
                return Dropped("too_few_points", source, place, f"{name}: a polygon of {len(points) // 2} points")
            return Annotation(name, None, place, parts=(points,))
    except ValueError as error:
        return Dropped("malformed", source, place, f"{name}: {error}")
    return Dropped("unsupported_shape", source, place, f"{name}: {found(kind)} has no area")


def _find(tree: Tree, image: via_files.Image, near: Path, split: str | None) -> Path:
    """The image of that name; of several the one whose file is as long as VIA says."""
    name = PurePosixPath(image.name.replace("\\", "/"))
    if image.bytes > 0:
        same = [path for path in tree.images_named(name.stem) if _folded(path.name) == _folded(name.name)]
        fits = [path for path in same if _length(path) == image.bytes] if len(same) > 1 else []
        if len(fits) == 1:
            return fits[0]
    return image_called(tree, image.name, near=near, split=split)


def _length(path: Path) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return -1


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


FORMAT = Format(
    name="via",
    looks_for="VGG Image Annotator: .json files with regions, or .csv files with region_shape_attributes",
    suffixes=(".json", ".csv"),
    sniff=sniff,
    read=read,
)
