"""Open Images: CSV files of boxes, of labels of whole images and of masks, with classes as MIDs (``/m/0k4j``).

After storage.googleapis.com/openimages/web/download_v7.html. Coordinates are shares of the sides, **both of x
before those of y**. ``IsGroupOf`` is one box around five or more objects. Flags of -1 are unknown.
Labels of whole images have a ``Confidence``: 1 and 0 were verified by people (present, absent), anything
between is a machine's guess. Names of classes are in ``class-descriptions*.csv``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.csv_stream import stream_rows
from yolo_tl.data.reading.label_files import folder_split
from yolo_tl.data.reading.references import image_called, left_out, unmentioned
from yolo_tl.data.records import XYXY, Annotation, ClassOrder, Dropped, Event, ImageRecord, Note
from yolo_tl.data.split import split_in
from yolo_tl.data.tree import Tree

_BOX = ("XMin", "YMin", "XMax", "YMax")
_MASK_BOX = tuple(f"Box{column}" for column in _BOX)
# class, line, box, crowd: a million rows as objects would take four times the memory.
_PACKED = struct.Struct("<IQ4d?")


def sniff(tree: Tree) -> str | None:
    """CSV files with the columns ImageID and LabelName, and a box, a mask or a confidence."""
    found = _files(tree)
    if not found:
        return None
    kinds = [f"{sum(k == kind for k in found.values())} of {kind}" for kind in dict.fromkeys(found.values())]
    names = ", ".join(tree.relative(path) for path in [*found][:3]) + (", ..." if len(found) > 3 else "")
    return f"{len(found)} CSV files with ImageID and LabelName ({', '.join(kinds)}): {names}"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of each file in turn, those of one file in the order in which it first names them.

    Files of masks are read for their boxes, and only where no other file has them. Labels of whole
    images become tags for classification. Elsewhere they are dropped where there are boxes: an image
    that has such labels alone was never searched for objects, and is no background.

    Raises:
        ParseError: a file is not a CSV file.
        DataError: several images fit an id equally well.
    """
    files = _files(tree)
    splits = {path: split_in(path.stem) or folder_split(tree, path) for path in files}
    boxed = {splits[path] for path, kind in files.items() if kind == "boxes"}
    names = _Names(tree)
    mentioned: set[Path] = set()
    for path, kind in files.items():
        if kind == "masks" and splits[path] in boxed:
            yield Note(f"{path.name}: masks of boxes that another file has; not read")
            continue
        if kind == "masks":
            yield Note(f"{path.name}: the boxes of the masks are read, the masks are not")
        rows = _Rows(path, kind, names, tags=options.task == "classify" or "boxes" not in files.values())
        yield from rows.read(tree.csv_header(path))
        for image_id, packed in rows.images.items():
            image = image_called(tree, image_id, near=path, split=splits[path])
            mentioned.add(image)
            annotations = tuple(names.annotation(row, tag=kind == "labels") for row in _PACKED.iter_unpack(packed))
            yield ImageRecord(image, path, annotations, split=splits[path], relative=True)
    yield from names.events()
    yield from _rotations(tree)
    aids = (path for path in tree.files(".csv") if _is_description(path) or _lists_images(tree.csv_header(path)))
    yield from left_out(tree, {*files, *aids}, ".csv")
    yield from unmentioned(tree, mentioned)


def _files(tree: Tree) -> dict[Path, str]:
    kinds = ((path, _kind(tree.csv_header(path))) for path in tree.files(".csv"))
    return {path: kind for path, kind in kinds if kind}


def _kind(header: tuple[str, ...]) -> str:
    """boxes, masks or labels by the columns; "" for any other file."""
    columns = set(header)
    if not columns >= {"ImageID", "LabelName"}:
        return ""
    if columns >= {"MaskPath", *_MASK_BOX}:
        return "masks"
    if columns >= {*_BOX}:
        return "boxes"
    return "labels" if columns >= {"Source", "Confidence"} and not columns & {"X", "XMin1"} else ""


def _lists_images(header: tuple[str, ...]) -> bool:
    return {"ImageID", "Rotation"} <= set(header)


def _is_description(path: Path) -> bool:
    return path.suffix.lower() == ".csv" and "class-descriptions" in path.name.lower()


class _Names:
    """Display names of classes, and the classes that occur by a number."""

    def __init__(self, tree: Tree) -> None:
        self.display: dict[str, str] = {}
        for path in tree.all_files:
            if _is_description(path):
                for _, row in stream_rows(path):
                    if len(row) == 2 and row[0].startswith("/"):
                        self.display.setdefault(row[0].strip(), row[1].strip())
        self.numbers: dict[str, int] = {}
        self.found: list[str] = []

    def number(self, mid: str) -> int:
        """Of the class `mid`, counted as they occur."""
        if mid not in self.numbers:
            self.numbers[mid] = len(self.found)
            self.found.append(self.display.get(mid) or mid)
        return self.numbers[mid]

    def annotation(self, row: tuple[int, int, float, float, float, float, bool], *, tag: bool) -> Annotation:
        """From a packed row."""
        number, line, x1, y1, x2, y2, crowd = row
        return Annotation(self.found[number], None if tag else (x1, y1, x2, y2), f"line {line}", crowd=crowd)

    def events(self) -> Iterator[Event]:
        """The classes that occur, in the order of the descriptions; and which have no name."""
        yield ClassOrder(tuple(dict.fromkeys(name for mid, name in self.display.items() if mid in self.numbers)))
        if unnamed := [mid for mid in self.numbers if not self.display.get(mid)]:
            where = "class-descriptions*.csv" if self.display else "class-descriptions*.csv, which is missing"
            yield Note(f"{len(unnamed)} classes have no name in {where}, first: {unnamed[0]}")
        if len(set(self.found)) < len(self.found):
            twice = sorted({name for name in self.found if self.found.count(name) > 1})
            yield Note(f"several classes have one name and become one: {', '.join(twice)}")


@dataclass
class _Rows:
    """The rows of one file by image: they need not follow each other.

    Attributes:
        path: the file.
        kind: boxes, masks or labels.
        names: the classes.
        tags: labels of whole images are wanted.
        images: packed rows of each image id.
    """

    path: Path
    kind: str
    names: _Names
    tags: bool
    images: dict[str, bytearray] = field(default_factory=dict)

    def read(self, header: tuple[str, ...]) -> Iterator[Event]:
        """Fill `images`; yields what cannot be in it."""
        column = {name: i for i, name in enumerate(header)}
        image, label, confidence = column["ImageID"], column["LabelName"], column.get("Confidence", -1)
        group = column.get("IsGroupOf")
        box = () if self.kind == "labels" else tuple(column[c] for c in (_MASK_BOX if self.kind == "masks" else _BOX))
        absent = 0
        rows = stream_rows(self.path)
        next(rows, None)
        for line, row in rows:
            if len(row) != len(header):
                yield self._dropped("malformed", line, f"expected {len(header)} columns, found {len(row)}")
                continue
            image_id, mid = row[image].strip(), row[label].strip()
            if not image_id or not mid:
                reason = "no_class" if image_id else "no_image"
                yield self._dropped(reason, line, f"{'LabelName' if image_id else 'ImageID'} is empty")
                continue
            try:
                numbers: XYXY = (0.0, 0.0, 0.0, 0.0)
                if box:
                    numbers = (float(row[box[0]]), float(row[box[1]]), float(row[box[2]]), float(row[box[3]]))
                elif (sure := float(row[confidence])) == 0:
                    absent += 1
                    continue
                elif sure != 1 or not self.tags:
                    reason = "tag" if sure == 1 else "unverified"
                    yield self._dropped(reason, line, f"{self.names.display.get(mid, mid)}, confidence {sure:g}")
                    continue
            except ValueError as error:
                yield self._dropped("malformed", line, f"expected numbers: {error}")
                continue
            crowd = group is not None and row[group].strip() == "1"
            packed = _PACKED.pack(self.names.number(mid), line, *numbers, crowd)
            self.images.setdefault(image_id, bytearray()).extend(packed)
        if absent:
            yield Note(f"{self.path.name}: {absent} labels say that a class is not in the image; they are no objects")

    def _dropped(self, reason: str, line: int, detail: str) -> Dropped:
        return Dropped(reason, self.path, f"line {line}", detail)


def _rotations(tree: Tree) -> Iterator[Event]:
    """Which images their owners see turned: the boxes are those of the image as it is stored."""
    for path in tree.all_files:
        if path.suffix.lower() != ".csv" or not _lists_images(tree.csv_header(path)):
            continue
        column = tree.csv_header(path).index("Rotation")
        cells = (row[column].strip() for _, row in stream_rows(path) if len(row) > column)
        turned = sum(cell not in ("", "0", "0.0", "Rotation") for cell in cells)
        if turned:
            yield Note(f"{path.name}: {turned} images have a Rotation; their boxes are taken for those of the file")


FORMAT = Format(
    name="openimages",
    looks_for="Open Images: .csv files with ImageID, LabelName and XMin, XMax, YMin, YMax",
    suffixes=(".csv",),
    sniff=sniff,
    read=read,
)
