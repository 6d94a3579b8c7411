"""VisDrone: one text file an image (DET), or one a sequence of frames (VID, MOT).

After the readme of the VisDrone toolkits: ``left,top,width,height,score,category,truncation,occlusion``
in px, 0-based, often with a comma at the end; VID has frame (from 1) and target in front. A score
of 0 and category 0 mark what is to be ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.label_files import LabelledImages, Parsed, folder_split, label_files
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord
from yolo_tl.data.tree import Tree, read_lines

# By category. The challenge scores neither the first nor the last.
NAMES = (
    "ignored-regions",
    "pedestrian",
    "people",
    "bicycle",
    "car",
    "van",
    "truck",
    "tricycle",
    "awning-tricycle",
    "bus",
    "motor",
    "others",
)

_LEADING = {8: 0, 10: 2}  # columns of a row: those before the box
_ROW = re.compile(r"(\d+,-?\d+,)?(?:-?\d+(?:\.\d+)?,){4}[01],(?:\d|1[01]),(?:-1|0|1),(?:-1|[0-2]),?")


def sniff(tree: Tree) -> str | None:
    """Text files of rows of 8 or 10 columns between commas: a box, a score, a category and two levels."""
    files = label_files(tree, _fits)
    if not files:
        return None
    sequences = sum(_leading(row) == 2 for row in files.values())
    if sequences:
        return f"{sequences} text files of VisDrone-VID rows (frame, target, box, score, category, two levels)"
    matched = sum(bool(tree.images_named(path.stem)) for path in files)
    return f"{len(files)} text files of VisDrone rows (box, score, category, two levels), {matched} images matched"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images in the order of their label files.

    The classes are the ten of the challenge, and "others" where some of them are not to be ignored.

    Raises:
        ParseError: a file is not text.
        DataError: two label files belong to one image, or several images fit one equally well.
    """
    yield ClassOrder(NAMES[1:11])
    files = [*label_files(tree, _fits)]
    images = LabelledImages(tree, folder=_image_folder, suffix=".jpg", digits=7)
    others = False
    for event in images.read(files, _parse, split=lambda path: folder_split(tree, path), workers=options.workers):
        if isinstance(event, ImageRecord) and not others:
            others = any(item.name == NAMES[11] and not item.ignore for item in event.annotations)
        yield event
    if others:
        yield ClassOrder(NAMES[11:])


def _leading(line: str) -> int | None:
    """How many columns stand before the box; None where the line is not a row of VisDrone."""
    match = _ROW.fullmatch(line.replace(" ", ""))
    return match and (2 if match.group(1) else 0)


def _fits(line: str) -> bool:
    return _leading(line) is not None


def _parse(path: Path) -> Parsed:
    found: list[tuple[int, Annotation]] = []
    dropped: list[Dropped] = []
    lines = read_lines(path)
    leading = next((leading for line in lines if (leading := _leading(line)) is not None), 0)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        item = _row(line, leading, path, f"line {number}")
        if isinstance(item, Dropped):
            dropped.append(item)
        else:
            found.append(item)
    return Parsed(found, dropped, sequence=leading == 2)


def _row(line: str, leading: int, path: Path, place: str) -> tuple[int, Annotation] | Dropped:
    cells = [cell.strip() for cell in line.strip().removesuffix(",").split(",")]
    if _LEADING.get(len(cells)) != leading:
        return Dropped("malformed", path, place, f"expected {8 + leading} columns, found {len(cells)}")
    try:
        frame = int(cells[0]) if leading else 0
        x, y, width, height, score = (float(cell) for cell in cells[leading : leading + 5])
        category = int(cells[leading + 5])
    except ValueError as error:
        return Dropped("malformed", path, place, f"expected numbers: {error}")
    if frame < 0:
        return Dropped("malformed", path, place, f"expected a frame from 0, found {frame}")
    if not 0 <= category < len(NAMES):
        return Dropped("unknown_category", path, place, f"expected a category from 0 to 11, found {category}")
    ignore = category == 0 or score == 0
    return frame, Annotation(NAMES[category], (x, y, x + width, y + height), place, ignore=ignore)


def _image_folder(label: Path) -> str:
    return "images"


FORMAT = Format(
    name="visdrone",
    looks_for="VisDrone: .txt files of rows left,top,width,height,score,category,truncation,occlusion",
    suffixes=(".txt",),
    sniff=sniff,
    read=read,
)
