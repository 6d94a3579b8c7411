"""The rows of YOLO label files, and where the file of an image lies."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from yolo_tl.data.records import XYXY, Size

Share = tuple[float, float, float, float]


@dataclass(frozen=True)
class LabelRow:
    """One row of a label file.

    Attributes:
        class_id: index into the class names.
        box: x1, y1, x2, y2 as shares of the image's sides.
        polygon: the row held a polygon; `box` is its extent.
    """

    class_id: int
    box: Share
    polygon: bool = False


def label_path(image: Path) -> Path:
    """Where Ultralytics looks for the labels of `image`: the last ``images`` folder becomes ``labels``.

    >>> label_path(Path("images/set/images/a.b.jpg")).as_posix()
    'images/set/labels/a.b.txt'
    """
    text = os.fspath(image)
    before, found, after = text.rpartition(f"{os.sep}images{os.sep}")
    if not found and text.startswith(f"images{os.sep}"):
        return Path("labels", text[len("images") + 1 :]).with_suffix(".txt")
    return Path(f"{before}{os.sep}labels{os.sep}{after}" if found else text).with_suffix(".txt")


def parse_row(text: str) -> LabelRow:
    """A row ``class cx cy w h``, or ``class x1 y1 x2 y2 x3 y3 ...`` for a polygon.

    Raises:
        ValueError: with what was expected and what was found.
    """
    fields = text.split()
    if len(fields) != 5 and (len(fields) < 7 or len(fields) % 2 == 0):
        raise ValueError(f"expected 5 columns, or a class and 3 or more points, found {len(fields)} columns")
    try:
        class_id, *values = (float(field) for field in fields)
    except ValueError:
        raise ValueError(f"expected numbers, found {text.strip()!r}") from None
    if not math.isfinite(class_id) or not class_id.is_integer():
        raise ValueError(f"expected a whole class number, found {fields[0]}")
    if len(values) == 4:
        cx, cy, w, h = values
        return LabelRow(int(class_id), (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2))
    xs, ys = values[::2], values[1::2]
    if not all(math.isfinite(value) for value in values):
        return LabelRow(int(class_id), (math.nan,) * 4, polygon=True)
    return LabelRow(int(class_id), (min(xs), min(ys), max(xs), max(ys)), polygon=True)


def format_row(class_id: int, box: XYXY, size: Size) -> str:
    """The row ``class cx cy w h`` of a box in px that lies within an image of `size`.

    Eight significant digits: the box comes back within a thousandth of a pixel.

    >>> format_row(2, (10.0, 20.0, 30.0, 60.0), (100, 100))
    '2 0.2 0.4 0.2 0.4'
    """
    x1, y1, x2, y2 = box
    width, height = size
    shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
    return f"{class_id} " + " ".join(f"{min(max(share, 0.0), 1.0):.8g}" for share in shares)
