"""DOTA: one text file an image (``labelTxt``), one oriented box a row.

After captain-whu.github.io/DOTA/dataset.html: optional lines ``imagesource:`` and ``gsd:``, then
``x1 y1 x2 y2 x3 y3 x4 y4 category difficult``, the corners in px, clockwise; they may lie outside the
image and need not make an exact rectangle. ``difficult`` is 0, 1 or 2; old files have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.label_files import LabelledImages, Parsed, folder_split, label_files
from yolo_tl.data.records import Annotation, Dropped, Event
from yolo_tl.data.tree import Tree, read_lines

_HEADER = re.compile(r"['\"]?(imagesource|gsd|acquisition dates)['\"]?\s*:", re.IGNORECASE)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
# A category that is a number is read, but does not tell DOTA from the rows of other formats.
_ROW = re.compile(rf"(?:{_NUMBER}\s+){{8}}(?!{_NUMBER}(?:\s|$))\S.*")
# Text spotting has rows of 8 numbers and a word between commas: ten columns tell them apart.
_COMMAS = re.compile(rf"(?:{_NUMBER}\s*,\s*){{8}}(?!{_NUMBER}\s*,)[^,]+,\s*[012]\s*,?")


def sniff(tree: Tree) -> str | None:
    """Text files of rows of 8 numbers and a category."""
    files = label_files(tree, _fits, header=_is_header)
    if not files:
        return None
    matched = sum(bool(tree.images_named(path.stem)) for path in files)
    return f"{len(files)} text files of DOTA rows (8 numbers and a category), {matched} images matched"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images in the order of their label files. Classes have no order.

    Raises:
        ParseError: a file is not text.
        DataError: two label files belong to one image (several versions of the labels, or oriented and
            upright ones), or several images fit one equally well.
    """
    files = [*label_files(tree, _fits, header=_is_header)]
    images = LabelledImages(tree, folder=lambda path: "images", suffix=".png")
    yield from images.read(files, _parse, split=lambda path: folder_split(tree, path), workers=options.workers)


def _is_header(line: str) -> bool:
    return _HEADER.match(line) is not None


def _fits(line: str) -> bool:
    return bool(_ROW.fullmatch(line) or _COMMAS.fullmatch(line))


def _parse(path: Path) -> Parsed:
    found: list[tuple[int, Annotation]] = []
    dropped: list[Dropped] = []
    for number, line in enumerate(read_lines(path), start=1):
        text = line.strip()
        if not text or _is_header(text):
            continue
        item = _row(text, path, f"line {number}")
        if isinstance(item, Dropped):
            dropped.append(item)
        else:
            found.append((0, item))
    return Parsed(found, dropped)


def _row(text: str, path: Path, place: str) -> Annotation | Dropped:
    words = re.split(r"\s*,\s*", text.removesuffix(",").strip()) if "," in text else text.split()
    if len(words) < 9:
        reason = "no_class" if len(words) == 8 else "malformed"
        return Dropped(reason, path, place, f"expected 8 numbers and a category, found {len(words)} columns")
    try:
        corners = tuple(float(word) for word in words[:8])
    except ValueError as error:
        return Dropped("malformed", path, place, f"expected numbers: {error}")
    difficult = words.pop() if len(words) > 9 and words[-1] in ("0", "1", "2") else "0"
    return Annotation(" ".join(words[8:]), None, place, difficult=difficult != "0", corners=corners)


FORMAT = Format(
    name="dota",
    looks_for="DOTA: .txt files of rows with 8 numbers, a category and a difficulty (labelTxt)",
    suffixes=(".txt",),
    sniff=sniff,
    read=read,
)
