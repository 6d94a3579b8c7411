"""The rows of YOLO label files, and where the file of an image lies.

All coordinates are shares of the image's sides. A row holds a class and, told apart by their number,
``cx cy w h`` (a box), that and K keypoints, four corners of an oriented box, or the points of a polygon.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from yolo_tl.data.documents import load_text
from yolo_tl.data.records import XYXY, Annotation, Dropped, Ring

Share = tuple[float, float, float, float]

_COMMA_AS_POINT = re.compile(r"[+-]?\d*,\d+")
_MOST_CLASSES = 1_000_000


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
    return Path(label_name(os.fspath(image)))


def label_name(image: str) -> str:
    """As `label_path`, of names: a third of the time, where there are hundreds of thousands."""
    before, found, after = image.rpartition(f"{os.sep}images{os.sep}")
    if found:
        image = f"{before}{os.sep}labels{os.sep}{after}"
    elif image.startswith(f"images{os.sep}"):
        image = f"labels{image[len('images') :]}"
    return os.path.splitext(image)[0] + ".txt"


def parse_row(text: str) -> LabelRow:
    """A row ``class cx cy w h``, or ``class x1 y1 x2 y2 x3 y3 ...`` for a polygon, as strict as Ultralytics.

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
        return LabelRow(int(class_id), _corners(values))
    xs, ys = values[::2], values[1::2]
    if not all(math.isfinite(value) for value in values):
        return LabelRow(int(class_id), (math.nan,) * 4, polygon=True)
    return LabelRow(int(class_id), (min(xs), min(ys), max(xs), max(ys)), polygon=True)


@dataclass(frozen=True)
class RowReader:
    """Reads rows more leniently than Ultralytics, which leaves out the whole image for one bad row.

    Commas or semicolons between the columns (repair ``separator``), a comma for the decimal point
    (``decimal_comma``), a class by its name (``class_by_name``) and a sixth column with the confidence
    of a prediction (``confidence_column``) are read.

    Attributes:
        names: the class names by index; None where nobody says them, and a class is called as it is written.
        keypoints: number of keypoints and of columns for each. Rows of 5 + K * D columns then hold keypoints.
        oriented: rows of four points are the corners of oriented boxes, not polygons.
    """

    names: tuple[str, ...] | None
    keypoints: tuple[int, int] | None = None
    oriented: bool = False

    def read_file(self, path: Path) -> tuple[tuple[Annotation, ...], tuple[Dropped, ...]]:
        """The annotations of a label file, and the rows from which none could be made.

        Raises:
            ParseError: the file cannot be read, or is not text.
        """
        annotations: list[Annotation] = []
        dropped: list[Dropped] = []
        for number, line in enumerate(load_text(path).splitlines(), start=1):
            if not line or line.isspace():
                continue
            item = self.read_row(line, f"line {number}")
            if isinstance(item, Annotation):
                annotations.append(item)
            else:
                dropped.append(Dropped(item[0], path, f"line {number}", item[1]))
        return tuple(annotations), tuple(dropped)

    def read_row(self, line: str, place: str) -> Annotation | tuple[str, str]:
        """The annotation of a row; or the reason for which there is none, and what was found."""
        fields = line.split()
        if len(fields) == 5 and (known := self._by_number.get(fields[0])) is not None:
            try:  # nearly all rows of nearly all data sets
                cx, cy, w, h = float(fields[1]), float(fields[2]), float(fields[3]), float(fields[4])
            except ValueError:
                pass
            else:
                return Annotation(known, (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), place)
        fields, repairs = _columns(line, fields)
        named = self._named(fields)
        if named is not None:
            name, fields = named
            repairs.append("class_by_name")
        elif fields and (number := _number(fields[0])) is not None:
            if not math.isfinite(number) or not number.is_integer():
                return "malformed", f"expected a whole class number, found {fields[0][:40]}"
            if not 0 <= number < (_MOST_CLASSES if self.names is None else len(self.names)):
                expected = "0 or more" if self.names is None else f"from 0 to {len(self.names) - 1}"
                return "class_out_of_range", f"expected a class {expected}, found {fields[0][:40]}"
            name = str(int(number)) if self.names is None else self.names[int(number)]
            fields = fields[1:]
        elif len(fields) > 4 and all(_number(field) is not None for field in fields[-4:]):
            return "unknown_class", f"expected a class number or one of the names, found {fields[0][:40]!r}"
        else:
            return "malformed", f"expected numbers, found {line.strip()[:80]!r}"
        values = [number for field in fields if (number := _number(field)) is not None]
        if len(values) != len(fields):
            return "malformed", f"expected numbers, found {line.strip()[:80]!r}"
        return self.annotation(name, values, place, repairs)

    @cached_property
    def _by_number(self) -> dict[str, str]:
        return {str(i): name for i, name in enumerate(self.names or ())}

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names or ())

    def _named(self, fields: list[str]) -> tuple[str, list[str]] | None:
        """Name and rest of a row that starts with a name, which may hold spaces, instead of a number."""
        if not fields or _number(fields[0]) is not None:
            return None
        if self.names is None:
            return fields[0], fields[1:]
        for i in range(1, min(len(fields) - 3, 12)):
            if (name := " ".join(fields[:i])) in self._known:
                return name, fields[i:]
        return None

    def annotation(
        self, name: str, values: list[float], place: str, repairs: Sequence[str] = ()
    ) -> Annotation | tuple[str, str]:
        """As `read_row`, of a row taken apart: the class and the numbers after it."""
        count = len(values)
        posed = 4 + self.keypoints[0] * self.keypoints[1] if self.keypoints else 0
        expected = {4, posed, 8 if self.oriented else 0} - {0}
        if count - 1 in expected and count not in expected and 0 <= values[-1] <= 1:
            values, count = values[:-1], count - 1
            repairs = [*repairs, "confidence_column"]
        repair = "+".join(repairs)
        if count == 4:
            return Annotation(name, _corners(values), place, repair=repair)
        if self.keypoints and count == posed:
            points = _keypoints(values[4:], self.keypoints[1])
            return Annotation(name, _corners(values), place, repair=repair, keypoints=points)
        if count == 8 and self.oriented:
            return Annotation(name, None, place, repair=repair, corners=tuple(values))
        if count >= 6 and count % 2 == 0:
            return Annotation(name, None, place, repair=repair, parts=(tuple(values),))
        return "malformed", f"expected 5 columns, or a class and 3 or more points, found {count + 1} columns"


def _corners(values: list[float]) -> XYXY:
    cx, cy, w, h = values[:4]
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def _keypoints(values: list[float], columns: int) -> Ring:
    """x, y, visibility for each point. Of two columns, Ultralytics takes a negative point for a missing one."""
    points: list[float] = []
    for i in range(0, len(values), columns):
        x, y = values[i], values[i + 1]
        seen = values[i + 2] if columns == 3 else 0.0 if x < 0 or y < 0 or (x == 0 and y == 0) else 2.0
        if seen not in (0.0, 1.0, 2.0) and math.isfinite(seen):
            seen = 2.0 if seen > 0 else 0.0  # a prediction has its confidence here
        points += (x, y, seen)
    return tuple(points)


def _columns(line: str, fields: list[str]) -> tuple[list[str], list[str]]:
    """The columns of a row, and what had to be mended to tell them apart."""
    if "," not in line and ";" not in line:
        return fields, []
    if len(fields) >= 5 and "." not in line and all(_COMMA_AS_POINT.fullmatch(f) for f in fields if "," in f):
        return [field.replace(",", ".") for field in fields], ["decimal_comma"]
    return [field for part in re.split("[,;]", line) for field in part.split()], ["separator"]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
