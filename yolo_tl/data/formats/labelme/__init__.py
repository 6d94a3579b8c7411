"""LabelMe (github.com/wkentaro/labelme): one JSON file an image, usually beside it.

Coordinates are px, 0-based, of the upright image: LabelMe applies EXIF before it shows one. Only the
second corner of a ``mask`` is inclusive. Shapes of one label and one ``group_id`` are parts of one
object where they are areas (polygon, mask, circle); rectangles stay objects of their own. A ``point``
with the ``group_id`` of an object is a keypoint of it, named by its label, and hidden where a flag of it
is called ``hidden`` or ``occluded``, or it is ``difficult`` (X-AnyLabeling). X-AnyLabeling's ``rotation``
and its rectangles of four corners are read as well. Flags of the image are its tags where no file of the
source has shapes. What ``__ignore__`` and ``_background_`` mark is neither object nor background.

A polygon of LabelMe cannot have a hole; cleaning has bridged or filled those before `write`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from yolo_tl.data.documents import load_json, load_text
from yolo_tl.data.formats.base import Format, Output
from yolo_tl.data.formats.labelme.shapes import NOT_CLASSES, Labels, objects_of
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.references import image_called, is_image_name, left_out
from yolo_tl.data.reading.unlabelled import unlabelled
from yolo_tl.data.records import Annotation, ClassOrder, Event, ImageRecord, KeypointOrder, Note, Ring, Size, replace
from yolo_tl.data.split import split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.data.workers import each

_LABELS = "labels.txt"  # what LabelMe's own --labels takes
_VERSION = "5.5.0"
_OTHERS = {"version", "flags", "imagePath", "imageData", "imageHeight", "imageWidth"}


class _Document(msgspec.Struct):
    """The fields of a file that are used; the image itself, in ``imageData``, is skipped unread."""

    shapes: list[Any]
    imagePath: Any = None
    imageWidth: Any = None
    imageHeight: Any = None
    flags: Any = None


class _File(msgspec.Struct):
    """What one file says."""

    path: Path
    labels: Labels
    image: str
    size: Size | None
    flags: tuple[str, ...]


class _Data(msgspec.Struct):
    imageData: Any = None


def sniff(tree: Tree) -> str | None:
    """JSON files with shapes, and an image path or data."""
    files = _annotation_files(tree)
    if not files:
        return None
    matched = sum(bool(tree.images_named(path.stem)) for path in files)
    return f"{len(files)} JSON files with shapes and imagePath, {matched} images matched"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of the JSON files, in the order of their paths; then images without a file.

    An image beside the file and of its name wins over ``imagePath``, which is wrong once files are
    renamed. Classes come in the order of a ``labels.txt`` at the top of the source, if there is one.

    Raises:
        ParseError: a file is not JSON, or has no list of shapes.
        DataError: several images fit a file equally well.
    """
    files = list(each(_parse, _annotation_files(tree), workers=options.workers))
    names = sorted({name for file in files for points in file.labels.points.values() for name in points})
    yield from _class_order(tree)
    if names:
        yield KeypointOrder(tuple(names))
    as_tags = not any(file.labels.shapes for file in files)
    finder = _Finder(tree)
    for file in files:
        yield from file.labels.dropped
        annotations = _with_keypoints(file.labels, names)
        if as_tags:
            annotations = tuple(Annotation(flag, None, f"flag {flag}") for flag in file.flags)
        split = split_of_folder(tree.relative(file.path))
        yield ImageRecord(finder.find(file, split), file.path, annotations, split=split, size=file.size)
    yield from finder.notes()
    yield from _notes(files, tree, as_tags=as_tags)
    yield from left_out(tree, {file.path for file in files}, ".json")
    yield from unlabelled(tree, finder.used)


def _annotation_files(tree: Tree) -> list[Path]:
    return [path for path in tree.files(".json") if _is_labelme(*tree.json_outline(path))]


def _is_labelme(kind: str, keys: frozenset[str]) -> bool:
    if kind != "object":
        return False
    # Old files begin with the image, after which the outline may see no other key.
    return bool("shapes" in keys and keys & _OTHERS) or ("imageData" in keys and keys <= _OTHERS)


def _parse(path: Path) -> _File:
    document: _Document = load_json(path, _Document)
    flags = document.flags if isinstance(document.flags, dict) else {}
    sides = document.imageWidth, document.imageHeight
    size = sides if all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides) else None
    name = document.imagePath if isinstance(document.imagePath, str) else ""
    return _File(
        path,
        objects_of(document.shapes, path),
        name.replace("\\", "/").replace("\x00", ""),
        size,
        tuple(flag for flag, is_set in flags.items() if is_set is True and flag.strip()),
    )


def _embeds(path: Path) -> bool:
    data: _Data = load_json(path, _Data)
    return bool(data.imageData)


class _Finder:
    """Finds the image of each file, and remembers what was odd about it."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.known = frozenset(tree.images)
        self.used: set[Path] = set()
        self.renamed: list[Path] = []
        self.embedded: list[Path] = []

    def find(self, file: _File, split: str | None) -> Path:
        image = self._find(file, split)
        if image in self.known:
            self.used.add(image)
        elif _embeds(file.path):
            self.embedded.append(file.path)
        return image

    def _find(self, file: _File, split: str | None) -> Path:
        tree, path = self.tree, file.path
        named = Path(os.path.normpath(path.parent / file.image)) if file.image else None
        exact = named in self.known
        if named is not None and exact and (named.stem == path.stem or named.parent != path.parent):
            return named
        beside = [image for image in tree.images_named(path.stem) if image.parent == path.parent]
        if len(beside) == 1:
            if PurePosixPath(file.image).name.casefold() != beside[0].name.casefold() and file.image:
                self.renamed.append(path)
            return beside[0]
        if named is not None and exact:
            return named
        if file.image and is_image_name(file.image):
            image = tree.find_image(file.image, near=path, split=split)
            if image is not None:
                return image
        by_stem = tree.find_image(path.stem, near=path, split=split, any_suffix=True)
        if by_stem is not None:
            if file.image:
                self.renamed.append(path)
            return by_stem
        return image_called(tree, file.image or path.stem, near=path, split=split)

    def notes(self) -> Iterator[Note]:
        if self.renamed:
            first = self.tree.relative(self.renamed[0])
            yield Note(
                f"{len(self.renamed)} files name another image than the one of their own name, "
                f"which is taken, first: {first}"
            )
        if self.embedded:
            first = self.tree.relative(self.embedded[0])
            yield Note(
                f"{len(self.embedded)} images are missing but stand in the imageData of their files, first: {first}; "
                "labelme_export_json writes them out"
            )


def _class_order(tree: Tree) -> Iterator[ClassOrder]:
    path = next((path for path in tree.all_files if path.parent == tree.root and path.name.lower() == _LABELS), None)
    if path is not None:
        lines = [line.strip() for line in load_text(path).splitlines()]
        yield ClassOrder(tuple(dict.fromkeys(line for line in lines if line and line not in NOT_CLASSES)))


def _with_keypoints(labels: Labels, names: list[str]) -> tuple[Annotation, ...]:
    """The objects, the points of each in the order of the names; those it lacks are not labelled."""
    if not labels.points:
        return labels.objects
    blank = (0.0, 0.0, 0.0)
    annotations = list(labels.objects)
    for i, points in labels.points.items():
        keypoints = tuple(value for name in names for value in points.get(name, blank))
        annotations[i] = replace(annotations[i], keypoints=keypoints)
    return tuple(annotations)


def _notes(files: list[_File], tree: Tree, *, as_tags: bool) -> Iterator[Note]:
    joined = sum(file.labels.joined for file in files)
    if joined:
        objects = sum(file.labels.groups for file in files)
        yield Note(f"{joined} shapes of one label and group_id each were joined to {objects} objects of several parts")
    if points := sum(len(points) for file in files for points in file.labels.points.values()):
        yield Note(f"{points} points are keypoints of the object that has their group_id")
    flagged = [file.path for file in files if file.flags]
    if flagged and not as_tags:
        first = tree.relative(flagged[0])
        yield Note(f"the flags of {len(flagged)} files are not read, as there are shapes, first: {first}")


def write(output: Output) -> int:
    """One JSON file beside each image, and the classes in a ``labels.txt``; the number of annotations.

    Detection gives a ``rectangle``, segmentation a ``polygon`` for each part, with a shared ``group_id``
    where there are several, an oriented box an ``oriented_rectangle``. A pose is a ``rectangle`` and a
    ``point`` for each keypoint that is labelled, of one ``group_id``.
    """
    count = 0
    for record, place in zip(output.records, output.images, strict=True):
        assert record.size is not None
        shapes: list[dict[str, Any]] = []
        for number, annotation in enumerate(record.annotations, start=1):
            shapes += _shapes(annotation, number, output)
        document: dict[str, Any] = {
            "version": _VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": place.name,
            "imageData": None,
            "imageHeight": record.size[1],
            "imageWidth": record.size[0],
        }
        content = msgspec.json.format(msgspec.json.encode(document), indent=2)
        (output.folder / place).with_suffix(".json").write_bytes(content + b"\n")
        count += len(record.annotations)
    (output.folder / _LABELS).write_text("".join(f"{name}\n" for name in output.classes), "utf-8")
    return count


def _shapes(annotation: Annotation, number: int, output: Output) -> Iterator[dict[str, Any]]:
    assert annotation.box is not None
    if output.task == "segment":
        group = number if len(annotation.parts) > 1 else None
        for part in annotation.parts:
            yield _shape(annotation.name, "polygon", part, group)
    elif output.task == "obb":
        yield _shape(annotation.name, "oriented_rectangle", annotation.corners, None)
    else:
        points = annotation.keypoints if output.task == "pose" else ()
        yield _shape(annotation.name, "rectangle", annotation.box, number if points else None)
        for name, x, y, seen in zip(output.keypoints, points[::3], points[1::3], points[2::3], strict=False):
            if seen:
                yield _shape(name, "point", (x, y), number, hidden=seen == 1)


def _shape(label: str, kind: str, points: Ring, group: int | None, *, hidden: bool = False) -> dict[str, Any]:
    return {
        "label": label,
        "points": [list(pair) for pair in zip(points[::2], points[1::2], strict=True)],
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": {"hidden": True} if hidden else {},
        "mask": None,
    }


FORMAT = Format(
    name="labelme",
    looks_for='LabelMe: .json files with "shapes" and "imagePath"',
    suffixes=(".json",),
    sniff=sniff,
    read=read,
    write=write,
    tasks=("detect", "segment", "obb", "pose"),
)
