"""CSV files of one box a row: TensorFlow's object detection, VoTT, RetinaNet, Kaggle, and their likes.

TensorFlow: ``filename,width,height,class,xmin,ymin,xmax,ymax``; VoTT: ``image,xmin,ymin,xmax,ymax,label``; with
a header the columns may have any order and many names (`Layout`). RetinaNet has no header:
``path,x1,y1,x2,y2,class``, five empty cells for a background, and a list ``class,id`` beside it. There is no
standard: 0-based, px or shares of the sides, told apart by the numbers.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yolo_tl.data.formats.base import Format, Output
from yolo_tl.data.formats.csv_boxes.columns import Layout, headed, headless
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.csv_stream import stream_rows
from yolo_tl.data.reading.label_files import folder_split
from yolo_tl.data.reading.references import image_called, left_out, unmentioned
from yolo_tl.data.records import XYXY, Annotation, ClassOrder, Dropped, Event, ImageRecord, Note, Size
from yolo_tl.data.split import split_in
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError

_HEADER = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax", "split")
_HAIR = 0.01  # shares overshoot the border by rounding


def sniff(tree: Tree) -> str | None:
    """CSV files with columns of an image and a box, or RetinaNet's without a header."""
    files = _files(tree)
    if not files:
        return None
    shown = [f"{tree.relative(path)} ({layout.columns})" for path, layout in files.items()][:3]
    more = ", ..." if len(files) > 3 else ""
    return f"{len(files)} CSV files of images and boxes: {', '.join(shown)}{more}"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of each file in turn, in the order in which it first names them.

    Raises:
        ParseError: a file is not a CSV file, or has no column of classes and `names` is not one name.
        DataError: several images fit a name equally well.
    """
    files = _files(tree)
    mentioned: set[Path] = set()
    classes: set[str] = set()
    for path, layout in files.items():
        content = _Content(
            path, layout, _only_class(path, layout, options), split_in(path.stem) or folder_split(tree, path)
        )
        yield from content.read()
        relative, notes = content.scale(options)
        yield from notes
        for (name, split), row in content.images.items():
            image = image_called(tree, name, near=path, split=split)
            mentioned.add(image)
            classes.update(annotation.name for annotation in row.annotations)
            yield ImageRecord(image, path, tuple(row.annotations), split=split, size=row.size, relative=relative)
    lists = _class_lists(tree, files, classes)
    for path, names in lists.items():
        yield ClassOrder(names)
        yield Note(f"the order of the classes is that of {tree.relative(path)}")
    yield from left_out(tree, {*files, *lists}, ".csv", ".tsv")
    yield from unmentioned(tree, mentioned)


def write(output: Output) -> int:
    """``annotations.csv``, in px, and ``classes.csv``, a list ``class,id``. A background has a row without a box."""
    count = 0
    with (output.folder / "annotations.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_HEADER)
        for record, place in zip(output.records, output.images, strict=True):
            width, height = record.size or ("", "")
            for annotation in record.annotations:
                assert annotation.box is not None
                box = (repr(float(value)) for value in annotation.box)
                writer.writerow((place.as_posix(), width, height, annotation.name, *box, record.split))
            if not record.annotations:
                writer.writerow((place.as_posix(), width, height, "", "", "", "", "", record.split))
            count += len(record.annotations)
    with (output.folder / "classes.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows((name, i) for i, name in enumerate(output.classes))
    return count


@dataclass
class _Image:
    """What a file says of one image."""

    size: Size | None = None
    annotations: list[Annotation] = field(default_factory=list)


class _Content:
    """The rows of one file by image and split: they need not follow each other.

    Args:
        path: the file.
        layout: what its columns mean.
        only_class: the class of every box, where there is no column of classes.
        split: of the images, where there is no column of splits.
    """

    def __init__(self, path: Path, layout: Layout, only_class: str, split: str | None) -> None:
        self.path, self.layout, self.only_class, self.split = path, layout, only_class, split
        self.images: dict[tuple[str, str | None], _Image] = {}
        self.boxes = self.within = 0  # with finite numbers; and of those, between 0 and 1
        self.first_within = ""

    def read(self) -> Iterator[Event]:
        """Fill `images`; yields what cannot be in it."""
        strange: dict[str, int] = {}
        rows = stream_rows(self.path, self.layout.delimiter)
        if self.layout.has_header:
            next(rows, None)
        for line, cells in rows:
            place = f"line {line}"
            row = [cell.strip() for cell in cells]
            while len(row) > self.layout.count and not row[-1]:
                row.pop()
            if len(row) != self.layout.count:
                detail = f"expected {self.layout.count} columns, found {len(row)}"
                yield Dropped("malformed", self.path, place, detail)
                continue
            if not (name := row[self.layout.image]):
                yield Dropped("no_image", self.path, place, "the name of the image is empty")
                continue
            written = row[self.layout.split] if self.layout.split is not None else ""
            if written and split_in(written) is None:
                strange[written] = strange.get(written, 0) + 1
            item = self._annotation(row, place)
            if isinstance(item, Dropped):
                yield item
            image = self.images.setdefault((name, split_in(written) or self.split), _Image())
            image.size = image.size or self.layout.size_of(row)
            if isinstance(item, Annotation):
                image.annotations.append(item)
        if strange:
            count, first = sum(strange.values()), next(iter(strange))
            yield Note(f"{self.path.name}: the split of {count} rows is none of train, val and test, first: {first!r}")
        for note in self.layout.notes:
            yield Note(f"{self.path.name}: {note}")

    def _annotation(self, row: list[str], place: str) -> Annotation | Dropped | None:
        """The object of a row; None for a background."""
        name = self.only_class if self.layout.label is None else row[self.layout.label]
        cells = self.layout.box_cells(row)
        if not any(cells):  # a class without a box is a label of the whole image
            return Annotation(name, None, place) if name and not self.only_class else None
        try:
            box = self.layout.box(cells)
        except ValueError as error:
            return Dropped("malformed", self.path, place, f"expected numbers: {error}")
        if not name:
            return Dropped("no_class", self.path, place, "the class is empty")
        self._count(box, place)
        return Annotation(name, box, place)

    def _count(self, box: XYXY, place: str) -> None:
        if not all(map(math.isfinite, box)) or not any(box):
            return
        self.boxes += 1
        if all(-_HAIR <= value <= 1 + _HAIR for value in box):
            self.within += 1
            self.first_within = self.first_within or place

    def scale(self, options: ReadOptions) -> tuple[bool, list[Note]]:
        """Whether the coordinates are shares of the sides of the image, and why."""
        if options.normalized:
            return True, [Note(f"{self.path.name}: coordinates are shares of the sides: as asked for")]
        if self.boxes and self.within == self.boxes:
            return True, [Note(f"{self.path.name}: coordinates are shares of the sides: none is above 1")]
        notes = [Note(f"{self.path.name}: coordinates are px: some are above 1")] if self.boxes else []
        if self.within:
            detail = f"{self.within} of {self.boxes} boxes lie between 0 and 1 all the same, first: {self.first_within}"
            notes.append(Note(f"{self.path.name}: {detail}"))
        return False, notes


def _files(tree: Tree) -> dict[Path, Layout]:
    found: dict[Path, Layout] = {}
    for path in tree.files(".csv", ".tsv"):
        layout = headed(tree.csv_header(path)) or _headless(tree, path)
        if layout:
            found[path] = layout
    return found


def _headless(tree: Tree, path: Path) -> Layout | None:
    layout = headless(tree.csv_header(path))
    if layout is None:
        return None
    fits = looked = 0
    try:
        for looked, (_, row) in enumerate(stream_rows(path, layout.delimiter), start=1):
            fits += headless(tuple(row)) is not None
            if looked == 200:
                break
    except ParseError:
        pass  # what was read until then decides; the reader reports it
    return layout if fits * 2 > looked else None


def _only_class(path: Path, layout: Layout, options: ReadOptions) -> str:
    if layout.label is not None:
        return ""
    wanted = options.classes or ()
    if len(wanted) != 1:
        raise ParseError(
            path, f"expected a column of classes, found {layout.columns}", hint="say --names NAME if there is one class"
        )
    return wanted[0]


def _class_lists(tree: Tree, files: dict[Path, Layout], classes: set[str]) -> dict[Path, tuple[str, ...]]:
    """The classes by id, from the lists ``class,id`` in which any of `classes` occurs."""
    found: dict[Path, tuple[str, ...]] = {}
    for path in tree.all_files:
        header = tree.csv_header(path) if path.suffix.lower() == ".csv" and path not in files else ()
        if len(header) != 2 or not _is_id(header[1]):
            continue
        rows = [[cell.strip() for cell in row] for _, row in stream_rows(path)]
        if any(len(row) != 2 or not _is_id(row[1]) for row in rows):
            continue
        ids = {row[0]: int(row[1]) for row in rows}
        if len(ids) == len(rows) == len(set(ids.values())) and (not classes or classes & ids.keys()):
            found[path] = tuple(sorted(ids, key=ids.__getitem__))
    return found


def _is_id(cell: str) -> bool:
    return cell.strip().isascii() and cell.strip().isdecimal() and len(cell) < 10


FORMAT = Format(
    name="csv",
    looks_for="CSV boxes: .csv files with filename, class, xmin, ymin, xmax, ymax, or without a header (RetinaNet)",
    suffixes=(".csv", ".tsv"),
    sniff=sniff,
    read=read,
    write=write,
)
