"""The same source, read by another tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolo_tl.data.formats import FORMATS
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import ImageRecord
from yolo_tl.data.tree import Tree

Boxes = dict[str, list[tuple[float, ...]]]


def datumaro_boxes(folder: Path, format: str) -> Boxes:
    """``{stem of image: x1, y1, x2, y2 of each object}`` in px, sorted; skips the test where datumaro is missing."""
    datumaro = pytest.importorskip("datumaro")
    found: Boxes = {}
    for item in datumaro.Dataset.import_from(str(folder), format):
        boxes = (a.get_bbox() for a in item.annotations if hasattr(a, "get_bbox"))
        found[Path(item.id).name] = sorted((x, y, x + width, y + height) for x, y, width, height in boxes)
    return found


def our_boxes(folder: Path, format: str, size: tuple[int, int] = (100, 50)) -> Boxes:
    """As `datumaro_boxes`, by our reader; of images of `size`. An oriented box gives its extent."""
    found: Boxes = {}
    for event in FORMATS[format].read(Tree(folder), ReadOptions()):
        if not isinstance(event, ImageRecord):
            continue
        boxes = []
        for annotation in event.annotations:
            xs, ys = annotation.corners[::2], annotation.corners[1::2]
            x1, y1, x2, y2 = annotation.box or (min(xs), min(ys), max(xs), max(ys))
            width, height = size if event.relative else (1, 1)
            boxes.append((x1 * width, y1 * height, x2 * width, y2 * height))
        found[event.path.stem] = sorted(boxes)
    return found
