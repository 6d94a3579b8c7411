"""COCO instances, keypoints and LVIS: one JSON file, or one a split.

Boxes are [x, y, width, height] in px, 0-based; polygons are lists of x, y, several where an
object is hidden in part; masks are run lengths down the columns (cocodataset.org, "Data format").
Category ids may be sparse, start at 0 or be strings; only their order is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from yolo_tl.data.formats.base import Format
from yolo_tl.data.formats.coco.document import (
    AnyEntry,
    Category,
    Document,
    Entry,
    Image,
    Key,
    LooseEntry,
    PosedEntry,
    ShapedEntry,
    kind_of,
    load,
)
from yolo_tl.data.formats.coco.shapes import Shape, shape_of
from yolo_tl.data.formats.coco.write import write
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.fields import found, typed
from yolo_tl.data.reading.references import file_name, left_out, unmentioned
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder, Note, Ring
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

_ENTRIES: dict[str, type[Entry]] = {"segment": ShapedEntry, "obb": ShapedEntry, "pose": PosedEntry}
_TWINS = re.compile(r"(instances|person_keypoints)_(.+)")


def sniff(tree: Tree) -> str | None:
    """JSON files with a list of images and one of annotations or categories."""
    files = _annotation_files(tree)
    if not files:
        return None
    names = ", ".join(tree.relative(path) for path in files[:3]) + (", ..." if len(files) > 3 else "")
    return f"{len(files)} JSON files with images, annotations and categories: {names}"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of each JSON file in turn.

    Polygons and masks are read for the tasks that need them, or where there is no box.

    Raises:
        ParseError: a file is not JSON, or a part of it is not what COCO says it is.
        DataError: several images have the name of one, and nothing tells them apart.
    """
    everything = _annotation_files(tree)
    files, notes = _without_twins(everything, options.task)
    yield from notes
    points: tuple[str, ...] = ()
    mentioned: set[Path] = set()
    for path in files:
        document = load(path, _ENTRIES.get(options.task, Entry))
        yield from document.dropped
        yield from _class_order(document, path)
        if options.task == "pose":
            points, note = _keypoint_order(document, points, path)
            yield KeypointOrder(points)
            yield from note
        yield from _File(tree, path, document, points, options).images(mentioned)
        del document  # before the next is parsed
    yield from left_out(tree, {*everything}, ".json")
    yield from unmentioned(tree, mentioned)


def _annotation_files(tree: Tree) -> list[Path]:
    return [path for path in tree.files(".json") if kind_of(tree, path) == "instances"]


def _without_twins(files: list[Path], task: str) -> tuple[list[Path], list[Note]]:
    """COCO lists its people twice: with keypoints in a file of their own, and among the instances."""
    wanted = "person_keypoints" if task == "pose" else "instances"
    names = {path.with_suffix("") for path in files}
    notes: list[Note] = []
    kept: list[Path] = []
    for path in files:
        match = _TWINS.fullmatch(path.stem)
        if match and match[1] != wanted and path.parent / f"{wanted}_{match[2]}" in names:
            twin = f"{wanted}_{match[2]}.json"
            notes.append(Note(f"{path.name} is left out: {twin} beside it has the same people for this task"))
        else:
            kept.append(path)
    return kept, notes


class _File:
    """One document on its way to records."""

    def __init__(self, tree: Tree, path: Path, document: Document, points: Sequence[str], options: ReadOptions) -> None:
        self.tree, self.path, self.document, self.task = tree, path, document, options.task
        self.drop_crowd = options.crowd == "drop"
        self.split = split_in(path.stem) or split_of_folder(tree.relative(path))
        self.names = {category.id: category.name for category in document.categories}
        self.points = len(points)
        self.places = (
            {category.id: [points.index(name) for name in category.keypoints] for category in document.categories}
            if points
            else {}
        )
        self.reads_shapes = self.task in ("segment", "obb")

    def images(self, mentioned: set[Path]) -> Iterator[Event]:
        """The events of the document. Its entries are let go of on the way, as they may be most of the memory."""
        entries: list[Any] = self.document.entries
        images, notes = _unique(self.document.images, self.path)
        yield from notes
        order, starts = _by_image(entries, images)
        for i in order[: starts[0]]:
            yield Dropped("unknown_image", self.path, _place(entries[i]), _unknown("image", entries[i]))
        names, path, is_plain = self.names, self.path, self.task == "detect"
        for number, image in enumerate(images):
            annotations: list[Annotation] = []
            add = annotations.append
            for i in order[starts[number] : starts[number + 1]]:
                entry: AnyEntry = entries[i]
                entries[i] = None
                name = names.get(entry.category_id)
                if name is None:
                    yield Dropped("unknown_category", path, _place(entry), _unknown("category", entry))
                elif is_plain and (bbox := entry.bbox) is not None:
                    x, y, width, height = bbox
                    box = (x, y, x + width, y + height)
                    add(Annotation(name, box, f"annotation {entry.id}", entry.iscrowd != 0, False, entry.ignore != 0))
                else:
                    item = self._annotation(name, entry, image)
                    if isinstance(item, Dropped):
                        yield item
                    else:
                        add(item)
            yield self._record(image, tuple(annotations), mentioned)

    def _record(self, image: Image, annotations: tuple[Annotation, ...], mentioned: set[Path]) -> ImageRecord:
        name = image.file_name
        if not name:
            raise ParseError(self.path, "expected a file_name, found none", place=f"image {image.id!r}")
        split = self.split or (split_of_folder(name.replace("\\", "/")) if "/" in name or "\\" in name else None)
        found_ = self.tree.find_image(name, near=self.path, split=split)
        if found_ is not None:
            mentioned.add(found_)
        labelled = self.document.is_annotated
        path = found_ or self.tree.image_root / file_name(name)
        return ImageRecord(path, self.path, annotations, split, image.size, labelled=labelled)

    def _annotation(self, name: str, entry: AnyEntry, image: Image) -> Annotation | Dropped:
        """An annotation of which more than the box is wanted, or which has none."""
        place, crowd, ignore = _place(entry), entry.iscrowd != 0, entry.ignore != 0
        box = None
        if entry.bbox is not None:
            x, y, width, height = entry.bbox
            box = (x, y, x + width, y + height)
        shape, fault = Shape(), ""
        # The mask of a crowd that cleaning will drop is not worth its time.
        if box is None or (self.reads_shapes and not (crowd and self.drop_crowd)):
            try:
                shape = shape_of(_segmentation(entry), image.size)
            except ValueError as error:
                fault = str(error)
        keypoints: Ring = ()
        if self.task == "pose" or (box is None and not shape.parts):
            try:
                keypoints = self._keypoints(entry)
            except ValueError as error:
                return Dropped("malformed", self.path, place, str(error))
        if box is None and not shape.parts and not any(keypoints[2::3]):
            if fault:
                return Dropped("malformed", self.path, place, fault)
            assert isinstance(entry, LooseEntry)
            bbox = entry.fields.get("bbox")
            if self.task != "classify" or bbox:
                return Dropped("no_box", self.path, place, f"expected four numbers, found bbox {found(bbox)}")
        repair = "shape_dropped" if fault else "ring_dropped" if shape.rings_dropped else ""
        return Annotation(name, box, place, crowd, False, ignore, repair, shape.parts, shape.holes, (), keypoints)

    def _keypoints(self, entry: AnyEntry) -> Ring:
        """x, y, visibility of each point of all categories; those of other categories are not labelled.

        Raises:
            ValueError: they are not triplets of numbers, one for each point of the category.
        """
        if isinstance(entry, LooseEntry):
            values = typed(entry.fields.get("keypoints") or (), tuple[float, ...])
        else:
            values = entry.keypoints if isinstance(entry, PosedEntry) else ()
        places = self.places.get(entry.category_id)
        if not values or not places:
            if len(values) % 3:
                raise ValueError(f"expected keypoints of three numbers each, found {len(values)} numbers")
            return values
        if len(values) != 3 * len(places):
            raise ValueError(f"expected {3 * len(places)} numbers for keypoints, found {len(values)}")
        spread = [0.0] * (3 * self.points)
        for k, at in enumerate(places):
            spread[3 * at : 3 * at + 3] = values[3 * k : 3 * k + 3]
        return tuple(spread)


class _Rows(dict[Key, int]):
    """The place of each image in its list; -1 for those that are not in it."""

    def __missing__(self, _: Key) -> int:
        return -1


def _by_image(entries: list[AnyEntry], images: list[Image]) -> tuple[list[int], list[int]]:
    """The entries sorted by image, those of none first, and where the entries of each image start."""
    rows = _Rows((image.id, i) for i, image in enumerate(images))
    owners = np.fromiter(map(rows.__getitem__, map(attrgetter("image_id"), entries)), np.int64, len(entries))
    order = np.argsort(owners, kind="stable")
    starts = np.searchsorted(owners[order], np.arange(len(images) + 1))
    return order.tolist(), starts.tolist()


def _unique(images: list[Image], path: Path) -> tuple[list[Image], list[Note]]:
    """The images, each once: some tools that merge files list one several times."""
    by_id: dict[Key, Image] = {}
    twice = 0
    for i, image in enumerate(images):
        first = by_id.setdefault(image.id, image)
        if first is image:
            continue
        if first.file_name != image.file_name or not image.file_name:
            raise ParseError(path, f"expected unique image ids, found {image.id!r} twice", place=f"images[{i}]")
        twice += 1
    notes = [Note(f"{path.name}: {twice} images are listed more than once, with the same id and name")] if twice else []
    return list(by_id.values()), notes


def _class_order(document: Document, path: Path) -> Iterator[Event]:
    """The names by category id, without the unused super-category that Roboflow puts first."""
    categories = {category.id: category for category in document.categories}
    order = sorted(categories.values(), key=lambda category: _rank(category.id))
    parents = {category.parent for category in order[1:]}
    if len(order) > 1 and parents == {order[0].name} and not _uses(document, order[0]):
        yield Note(f"{path.name}: category {order[0].name!r} has no objects and is the parent of the rest")
        order = order[1:]
    names = [category.name for category in order]
    if merged := sorted({name for name in names if names.count(name) > 1}):
        yield Note(f"{path.name}: several categories have one name and become one class: {', '.join(merged)}")
    yield ClassOrder(tuple(dict.fromkeys(names)))


def _rank(key: Key) -> tuple[int, float, str]:
    try:
        return 0, float(key), ""
    except (ValueError, OverflowError):
        return 1, 0.0, str(key)


def _uses(document: Document, category: Category) -> bool:
    return any(entry.category_id == category.id for entry in document.entries)


def _keypoint_order(document: Document, before: tuple[str, ...], path: Path) -> tuple[tuple[str, ...], list[Note]]:
    """The keypoints of all categories: a hand and a body in one file have different ones."""
    lists = {category.keypoints for category in document.categories if category.keypoints}
    points = tuple(dict.fromkeys([*before, *(name for names in sorted(lists, key=len)[::-1] for name in names)]))
    if len(lists) < 2 and (not before or points == before):
        return points, []
    what = f"{path.name}: categories have different keypoints; each object gets all {len(points)} of them"
    return points, [Note(f"{what}, not labelled where its category has none of that name")]


def _segmentation(entry: AnyEntry) -> Any:
    if isinstance(entry, LooseEntry):
        return entry.fields.get("segmentation")
    return entry.segmentation if isinstance(entry, ShapedEntry) else None


def _place(entry: AnyEntry) -> str:
    return f"annotation {entry.id}"


def _unknown(what: str, entry: AnyEntry) -> str:
    value = entry.image_id if what == "image" else entry.category_id
    return f"{what}_id {value!r} is not in {'images' if what == 'image' else 'categories'}"


FORMAT = Format(
    name="coco",
    looks_for='COCO: .json files with "images" and "annotations"',
    suffixes=(".json",),
    sniff=sniff,
    read=read,
    write=write,
    tasks=("detect", "segment", "pose"),
)
