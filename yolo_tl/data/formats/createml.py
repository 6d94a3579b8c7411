"""Create ML: a JSON array with one object an image.

Boxes are ``{x, y, width, height}`` with x, y the **centre**, in px, 0-based. The keys are ``image``
and ``annotations`` or, in Apple's own documentation, ``imagefilename`` and ``annotation``.
Units, origin and anchor can differ, but are then said in the code that trains, never in the file
(``MLObjectDetector.AnnotationType.boundingBox(units:origin:anchor:)``); shares of the image
are recognised because no coordinate of the file exceeds 1. For the image classifier an annotation
is the label itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from yolo_tl.data.documents import load_json
from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.fields import class_name, found, typed
from yolo_tl.data.reading.references import locate, unmentioned
from yolo_tl.data.records import Annotation, Dropped, Event, ImageRecord, Note
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree

_IMAGE = ("image", "imagefilename")
_ANNOTATIONS = ("annotations", "annotation")


class _Coordinates(Struct):
    x: float
    y: float
    width: float
    height: float


def sniff(tree: Tree) -> str | None:
    """JSON arrays of objects with an image and its annotations."""
    files = _files(tree)
    if not files:
        return None
    return f"{len(files)} JSON arrays with image and annotations: {tree.relative(files[0])}"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images in the order of the files.

    Raises:
        DataError: a name fits several images equally well.
        ParseError: a file is not JSON, or not an array.
    """
    mentioned: set[Path] = set()
    for path in _files(tree):
        rows: list[Any] = load_json(path, list[Any])
        relative = options.normalized or _is_relative(rows)
        if relative and not options.normalized:
            yield Note(f"{path.name}: no coordinate exceeds 1, so they are shares of the images' sides")
        split = split_in(path.stem) or split_of_folder(tree.relative(path))
        for number, row in enumerate(rows, start=1):
            place = f"image {number}"
            name = _first(row, _IMAGE)
            annotations: list[Annotation] = []
            for index, entry in enumerate(_annotations(row), start=1):
                item = _annotation(entry, path, f"{place}, annotation {index}")
                if isinstance(item, Annotation) and not isinstance(name, str):
                    item = Dropped("no_image", path, item.place, f"expected the name of an image, found {found(name)}")
                if isinstance(item, Dropped):
                    yield item
                else:
                    annotations.append(item)
            if isinstance(name, str):
                image = locate(tree, [name], near=path, split=split)
                mentioned.add(image)
                yield ImageRecord(image, path, tuple(annotations), split=split, relative=relative)
            elif not _annotations(row):
                yield Note(f"{path.name}: {place} is no object that names an image: {found(row)}")
    yield from unmentioned(tree, mentioned)


def _files(tree: Tree) -> list[Path]:
    def fits(path: Path) -> bool:
        kind, keys = tree.json_outline(path)
        # The exports of Label Studio have an image or annotations as well.
        other = keys & {"annotation_id", "data", "predictions"}
        return kind == "array" and bool(keys & {*_IMAGE} and keys & {*_ANNOTATIONS}) and not other

    return [path for path in tree.files(".json") if fits(path)]


def _first(row: Any, keys: tuple[str, ...]) -> Any:
    return next((row[key] for key in keys if key in row), None) if isinstance(row, dict) else None


def _annotations(row: Any) -> list[Any]:
    value = _first(row, _ANNOTATIONS)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _annotation(entry: Any, source: Path, place: str) -> Annotation | Dropped:
    if isinstance(entry, str):
        return Annotation(entry.strip(), None, place) if entry.strip() else Dropped("no_class", source, place)
    if not isinstance(entry, dict):
        return Dropped("malformed", source, place, f"expected an annotation, found {found(entry)}")
    name = class_name(entry.get("label"))
    if not name:
        return Dropped("no_class", source, place, f"expected a label, found {found(entry.get('label'))}")
    if entry.get("coordinates") is None:
        return Dropped("no_box", source, place, f"{name} has no coordinates")
    try:
        at = typed(entry["coordinates"], _Coordinates)
    except ValueError as error:
        return Dropped("malformed", source, place, f"coordinates of {name}: {error}")
    half_width, half_height = at.width / 2, at.height / 2
    return Annotation(name, (at.x - half_width, at.y - half_height, at.x + half_width, at.y + half_height), place)


def _is_relative(rows: list[Any]) -> bool:
    """No coordinate exceeds 1, and one lies between 0 and 1."""
    between = False
    for row in rows:
        for entry in _annotations(row):
            try:
                at = typed(entry["coordinates"], _Coordinates)
            except (ValueError, KeyError, TypeError):
                continue
            values = (at.x, at.y, at.width, at.height)
            if not all(0 <= value <= 1 for value in values):
                return False
            between = between or any(0 < value < 1 for value in values)
    return between


FORMAT = Format(
    name="createml",
    looks_for='Create ML: .json arrays of objects with "image" and "annotations"',
    suffixes=(".json",),
    sniff=sniff,
    read=read,
)
