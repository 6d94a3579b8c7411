"""WIDER FACE: one text file a split, of images and their faces.

After the readme of ``wider_face_split``: a line with the path of an image, one with the number of its
faces, then one a face: ``x1 y1 w h blur expression illumination invalid occlusion pose``, in px, 0-based.
An image without a face has one row all the same, of zeros. Faces with ``invalid`` 1 are too small
or too blurred to count: regions to be ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.label_files import folder_split, head_lines
from yolo_tl.data.reading.references import image_called, is_image_name, left_out, unmentioned
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord
from yolo_tl.data.split import split_in
from yolo_tl.data.tree import Tree, read_lines
from yolo_tl.errors import ParseError

CLASS = "face"

_COLUMNS = 10
_INVALID = 7


def sniff(tree: Tree) -> str | None:
    """Text files that begin with an image path, a count and a row of 10 numbers."""
    files = _files(tree)
    if not files:
        return None
    names = ", ".join(tree.relative(path) for path in files[:3]) + (", ..." if len(files) > 3 else "")
    return f"{len(files)} text files of image paths, counts and WIDER FACE rows of 10 numbers: {names}"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of each list in turn.

    Raises:
        ParseError: a count is missing, or is not the number of rows that follow.
        DataError: several images fit a path equally well.
    """
    del options
    yield ClassOrder((CLASS,))
    mentioned: set[Path] = set()
    files = _files(tree)
    for path in files:
        split = split_in(path.stem) or folder_split(tree, path)
        for name, rows in _images(path):
            annotations: list[Annotation] = []
            for number, line in rows:
                item = _row(line, path, f"line {number}")
                if isinstance(item, Dropped):
                    yield item
                else:
                    annotations.append(item)
            image = image_called(tree, name, near=path, split=split)
            mentioned.add(image)
            yield ImageRecord(image, path, tuple(annotations), split=split)
    yield from left_out(tree, files, ".txt")
    yield from unmentioned(tree, mentioned)


def _files(tree: Tree) -> list[Path]:
    return [path for path in tree.files(".txt") if _looks_like_wider(path)]


def _looks_like_wider(path: Path) -> bool:
    lines = head_lines(path)
    if len(lines) < 3 or not is_image_name(lines[0]) or not lines[1].isdecimal():
        return False
    words = lines[2].split()
    is_row = len(words) == _COLUMNS and all(word.lstrip("-").isdecimal() for word in words)
    return is_row or (lines[1] == "0" and is_image_name(lines[2]))


def _images(path: Path) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """The path of each image, and the rows of its faces with their line numbers."""
    lines = [(number, line.strip()) for number, line in enumerate(read_lines(path), start=1) if line.strip()]
    at = 0
    while at < len(lines):
        number, name = lines[at]
        if not is_image_name(name):
            expected = "the path of an image (is the count above too low?)" if at else "the path of an image"
            raise ParseError(path, f"expected {expected}, found {name[:80]!r}", line=number)
        count = lines[at + 1][1] if at + 1 < len(lines) else ""
        if not (count.isascii() and count.isdecimal() and len(count) < 10):
            raise ParseError(path, f"expected the number of faces in {name}, found {count[:80]!r}", line=number + 1)
        rows = lines[at + 2 : at + 2 + int(count)]
        at += 2 + int(count)
        if count.strip("0") == "" and at < len(lines) and _is_filler(lines[at][1]):
            at += 1
        short = next((row for row in rows if is_image_name(row[1])), None)
        if short or len(rows) < int(count):
            last = short[0] if short else lines[-1][0]
            found = rows.index(short) if short else len(rows)
            raise ParseError(path, f"expected {count} faces in {name}, found {found}", line=last)
        yield name, rows


def _is_filler(line: str) -> bool:
    return set(line.split()) == {"0"}


def _row(line: str, path: Path, place: str) -> Annotation | Dropped:
    words = line.split()
    if len(words) != _COLUMNS:
        return Dropped("malformed", path, place, f"expected {_COLUMNS} columns, found {len(words)}")
    try:
        x, y, width, height = (float(word) for word in words[:4])
        invalid = float(words[_INVALID])
    except ValueError as error:
        return Dropped("malformed", path, place, f"expected numbers: {error}")
    return Annotation(CLASS, (x, y, x + width, y + height), place, ignore=invalid == 1)


FORMAT = Format(
    name="wider-face",
    looks_for="WIDER FACE: .txt files of an image path, a count and rows of 10 numbers (wider_face_train_bbx_gt.txt)",
    suffixes=(".txt",),
    sniff=sniff,
    read=read,
)
