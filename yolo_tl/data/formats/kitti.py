"""KITTI: one text file an image (``label_2``), or one a sequence of frames (``label_02``, tracking).

After the readme of the development kit: 15 columns, or 16 with a score: type, truncated, occluded,
alpha, left, top, right, bottom (px, 0-based), 3 dimensions, 3 locations, rotation. Tracking has
two more in front: frame and track. Columns that do not apply hold -1, -10 or -1000. ``DontCare``
marks regions in which nothing was labelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.label_files import LabelledImages, Parsed, folder_split, label_files
from yolo_tl.data.records import Annotation, Dropped, Event
from yolo_tl.data.tree import Tree, read_lines

IGNORED = "DontCare"

_LEADING = {15: 0, 16: 0, 17: 2, 18: 2}  # columns of a row: those before the type
_IMAGES = {"label_2": "image_2", "label_02": "image_02"}


def sniff(tree: Tree) -> str | None:
    """Text files of rows of 15 to 18 columns: a type among numbers."""
    files = label_files(tree, _fits)
    if not files:
        return None
    sequences = sum(_leading(row) == 2 for row in files.values())
    if sequences:
        return f"{sequences} text files of KITTI tracking rows (frame, track, type and 14 or 15 numbers)"
    matched = sum(bool(tree.images_named(path.stem)) for path in files)
    return f"{len(files)} text files of KITTI rows (a type and 14 or 15 numbers), {matched} images matched"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images in the order of their label files.

    What is train and what is val is said by ``ImageSets/train.txt`` and ``val.txt`` where they are,
    else by the folders. Classes have no order.

    Raises:
        ParseError: a file is not text.
        DataError: two label files belong to one image, or several images fit one equally well.
    """
    sets = _image_sets(tree)

    def split(path: Path) -> str | None:
        of_folder = folder_split(tree, path)
        return of_folder if of_folder == "test" else sets.get(path.stem, of_folder)

    images = LabelledImages(tree, folder=_image_folder, suffix=".png")
    yield from images.read([*label_files(tree, _fits)], _parse, split=split, workers=options.workers)


def _leading(line: str) -> int | None:
    """How many columns stand before the type; None where the line is not a row of KITTI."""
    words = line.split()
    leading = _LEADING.get(len(words))
    if leading is None or _is_number(words[leading]):
        return None
    return leading if all(_is_number(word) for word in (*words[:leading], *words[leading + 1 :])) else None


def _fits(line: str) -> bool:
    return _leading(line) is not None


def _parse(path: Path) -> Parsed:
    found: list[tuple[int, Annotation]] = []
    dropped: list[Dropped] = []
    lines = read_lines(path)
    leading = next((leading for line in lines if (leading := _leading(line)) is not None), 0)
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        place = f"line {number}"
        if _LEADING.get(len(words)) != leading:
            detail = f"expected {15 + leading} or {16 + leading} columns, found {len(words)}"
            dropped.append(Dropped("malformed", path, place, detail))
            continue
        name = words[leading]
        try:
            frame = int(words[0]) if leading else 0
            x1, y1, x2, y2 = (float(word) for word in words[leading + 4 : leading + 8])
        except ValueError as error:
            dropped.append(Dropped("malformed", path, place, f"expected numbers: {error}"))
            continue
        if frame < 0:
            dropped.append(Dropped("malformed", path, place, f"expected a frame from 0, found {frame}"))
            continue
        found.append((frame, Annotation(name, (x1, y1, x2, y2), place, ignore=name == IGNORED)))
    return Parsed(found, dropped, sequence=leading == 2)


def _image_folder(label: Path) -> str:
    return _IMAGES.get(label.parent.name, "images")


def _image_sets(tree: Tree) -> dict[str, str]:
    """The split of each stem; one in both lists is kept out of train."""
    splits: dict[str, str] = {}
    for split in ("train", "val"):
        for path in tree.all_files:
            if path.parent.name == "ImageSets" and path.name == f"{split}.txt":
                splits.update((line.strip(), split) for line in read_lines(path) if line.strip())
    return splits


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


FORMAT = Format(
    name="kitti",
    looks_for="KITTI: .txt files of rows with a type and 14 numbers (label_2, label_02)",
    suffixes=(".txt",),
    sniff=sniff,
    read=read,
)
