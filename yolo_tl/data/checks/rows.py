"""The rows of many label files as columns, read as tolerantly as can be.

Files that hold nothing but plain numbers, nearly all, are converted together by one call into C.
The others go line by line: what can be understood is, and what had to be forgiven is kept.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PLAIN = b"0123456789.+-eE \t\n\r"
_BATCH = 4 << 20  # bytes of label files converted together
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DECIMAL = re.compile(r"[+-]?\d*,\d+")
_MAX_BYTES = 64 << 20  # a label file larger than this is none


class Kind(IntEnum):
    """What the number of columns of a row means."""

    ODD = 0  # nothing that Ultralytics knows
    BOX = 1  # class cx cy w h, perhaps with a confidence
    POLYGON = 2  # class and three points or more
    POSE = 3  # class cx cy w h and keypoints


class Flaw(IntFlag):
    """What had to be forgiven in a row to read it."""

    SEPARATOR = 1  # commas or semicolons, or a comma for the decimal point
    ENCODING = 2  # the file is not UTF-8
    NAME = 4  # a class name in the place of its number


class LabelState(IntEnum):
    """What became of a label file."""

    MISSING = 0
    READ = 1
    UNREADABLE = 2


class Bad(NamedTuple):
    """A line from which no row could be made."""

    image: int
    line: int
    detail: str


@dataclass(frozen=True, eq=False)
class Rows:
    """M rows of label files.

    Attributes:
        image: (M,) index of the image, ascending.
        line: (M,) line in its label file, from 1.
        columns: (M,) number of columns.
        kind: (M,) `Kind`.
        flaw: (M,) `Flaw`.
        class_id: (M,) as written; it need not be whole.
        box: (M, 4) centre x, centre y, width, height as shares; the extent of a polygon or point; else NaN.
        values: (T,) every number of every row, its class first.
        start: (M,) where in `values` a row begins.
    """

    image: Ints
    line: Ints
    columns: Ints
    kind: NDArray[np.uint8]
    flaw: NDArray[np.uint8]
    class_id: Floats
    box: Floats
    values: Floats
    start: Ints

    def __len__(self) -> int:
        return len(self.image)

    def numbers(self, row: int) -> Floats:
        """The numbers of a row after its class."""
        return self.values[self.start[row] + 1 : self.start[row] + self.columns[row]]

    def points(self, row: int) -> Floats:
        """(P, 2) the points of a polygon row."""
        numbers = self.numbers(row)
        return numbers[: len(numbers) // 2 * 2].reshape(-1, 2)


class RowReader:
    """Reads the label file of one image after the other; `rows` gives them all.

    Args:
        names: class names, to recognise them in the place of numbers.
        keypoint_columns: columns of a row with keypoints; 0 where the data set has none.
    """

    def __init__(self, names: Sequence[str] = (), keypoint_columns: int = 0) -> None:
        self.ids = {name: i for i, name in reversed(list(enumerate(names)))}
        self.keypoint_columns = keypoint_columns
        self.states: list[LabelState] = []
        self.digests: list[int] = []  # of the content, to find equal files; 0 for none
        self.bad: list[Bad] = []
        self.encodings: list[tuple[int, str]] = []
        self.errors: list[tuple[int, str]] = []
        self._waiting: list[tuple[int, bytes]] = []
        self._bytes = 0
        self._parts: list[tuple[NDArray[np.generic], ...]] = []

    def read(self, path: str) -> None:
        """Read the label file of the next image."""
        image = len(self.states)
        try:
            handle = os.open(path, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            self.states.append(LabelState.MISSING)
            self.digests.append(0)
            return
        except OSError as error:
            return self._unreadable(image, error.strerror or str(error))
        try:
            content = os.read(handle, 1 << 16)
            if len(content) == 1 << 16:
                with os.fdopen(os.dup(handle), "rb", buffering=0) as stream:
                    content += stream.read(_MAX_BYTES) or b""
        except OSError as error:
            return self._unreadable(image, error.strerror or str(error))
        finally:
            os.close(handle)
        self.add(content)

    def add(self, content: bytes) -> None:
        """Take `content` for the label file of the next image."""
        image = len(self.states)
        self.states.append(LabelState.READ)
        self.digests.append(hash(content) if content.strip() else 0)
        if b"\r" in content:
            content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if content.translate(None, _PLAIN):
            self._slow(image, content)
            return
        self._waiting.append((image, content))
        self._bytes += len(content)
        if self._bytes > _BATCH:
            self._flush()

    def put(self, image: Sequence[int], columns: Sequence[int], values: Sequence[float]) -> None:
        """Take rows that stand in no label file: the image and number of columns of each, and all their numbers."""
        self._parts.append(_columns(image, [0] * len(image), columns, np.array(values, np.float64), 0))

    def rows(self) -> Rows:
        """All rows, in the order of images and lines."""
        self._flush()
        if not self._parts:
            self._parts.append(_columns([], [], [], np.zeros(0), 0))
        image, line, columns, values, flaw = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        start = np.concatenate([[0], np.cumsum(columns)[:-1]]).astype(np.int64)[: len(columns)]
        if not (np.diff(image) >= 0).all():  # the slow files overtook the batch they stand in
            order = np.argsort(image, kind="stable")
            taken = np.repeat(start[order], columns[order]) + _within(columns[order])
            image, line, columns, values, flaw = image[order], line[order], columns[order], values[taken], flaw[order]
            start = np.concatenate([[0], np.cumsum(columns)[:-1]]).astype(np.int64)[: len(columns)]
        class_id = values[start] if len(start) else np.zeros(0)
        kind = self._kinds(columns)
        return Rows(image, line, columns, kind, flaw, class_id, _boxes(values, start, columns, kind), values, start)

    def _kinds(self, columns: Ints) -> NDArray[np.uint8]:
        kind = np.full(len(columns), Kind.ODD, np.uint8)
        kind[(columns == 5) | (columns == 6)] = Kind.BOX
        if self.keypoint_columns:
            kind[columns == self.keypoint_columns] = Kind.POSE
        else:
            kind[(columns >= 7) & (columns % 2 == 1)] = Kind.POLYGON
        return kind

    def _unreadable(self, image: int, why: str) -> None:
        self.states.append(LabelState.UNREADABLE)
        self.digests.append(0)
        self.errors.append((image, why))

    def _flush(self) -> None:
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        if not waiting:
            return
        part = _plain(waiting)
        if part is not None:
            self._parts.append(part)
            return
        for image, content in waiting:  # one of them holds something like 1.2.3
            part = _plain([(image, content)])
            if part is not None:
                self._parts.append(part)
            else:
                self._slow(image, content)

    def _slow(self, image: int, content: bytes) -> None:
        text, encoding = decoded(content)
        flaw = 0
        if encoding:
            flaw = Flaw.ENCODING
            self.encodings.append((image, encoding))
        lines, columns, flaws = [], [], []
        values: list[float] = []
        for number, line in enumerate(text.splitlines(), start=1):
            tokens, own = line.split(), flaw
            if not tokens:
                continue
            if "," in line or ";" in line:
                tokens, own = _separated(line, tokens), own | Flaw.SEPARATOR
                if not tokens:
                    self.bad.append(Bad(image, number, _short(line)))
                    continue
            numbers = self._numbers(tokens)
            if numbers is None:
                self.bad.append(Bad(image, number, _short(line)))
                continue
            found, named = numbers
            lines.append(number)
            columns.append(len(found))
            flaws.append(own | (Flaw.NAME if named else 0))
            values += found
        part = _columns([image] * len(lines), lines, columns, np.array(values, np.float64), 0)
        self._parts.append((*part[:4], np.array(flaws, np.uint8)))

    def _numbers(self, tokens: list[str]) -> tuple[list[float], bool] | None:
        """The numbers of a row, and whether its class was a name; None where there is no telling."""
        try:
            return [float(token) for token in tokens], False
        except ValueError:
            pass
        # A name may hold spaces; what follows it has to be numbers.
        for end in range(1, len(tokens)):
            name = " ".join(tokens[:end])
            if name in self.ids:
                try:
                    return [float(self.ids[name]), *map(float, tokens[end:])], True
                except ValueError:
                    continue
        return None


def decoded(content: bytes) -> tuple[str, str]:
    """The text of a label file in whatever encoding, and the name of that where it is not UTF-8.

    >>> decoded("0 0.5".encode("utf-16"))
    ('0 0.5', 'UTF-16')
    """
    encoding = next((name for mark, name in _BOMS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        encoding, text = "latin-1", content.decode("latin-1")
    if text.count("\x00") * 3 > len(text):  # UTF-16 that has lost its mark
        encoding, text = "utf-16", text.replace("\x00", "")
    return text, "" if encoding.startswith("utf-8") else encoding.upper()


def _separated(line: str, tokens: list[str]) -> list[str]:
    """The columns of a line with commas or semicolons: between columns, or for the decimal point."""
    if len(tokens) >= 5 and "." not in line and all(_DECIMAL.fullmatch(t) for t in tokens if "," in t):
        return [token.replace(",", ".") for token in tokens]
    return line.replace(",", " ").replace(";", " ").split()


def _plain(files: list[tuple[int, bytes]]) -> tuple[NDArray[np.generic], ...] | None:
    """The columns of files that hold plain numbers; None if one of them does not."""
    text = b"\n".join(content for _, content in files) + b"\n"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of NumPy before 2, where it stops at what is no number
            values = np.fromstring(text, np.float64, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    codes = np.frombuffer(text, np.uint8)
    blank = codes <= 32
    begins = ~blank
    begins[1:] &= blank[:-1]
    ends = np.flatnonzero(codes == 10)
    columns = np.diff(np.cumsum(begins, dtype=np.int64)[ends], prepend=0)
    if int(columns.sum()) != len(values):
        return None
    borders = np.cumsum([len(content) + 1 for _, content in files])
    owner = np.searchsorted(borders, ends, side="right")
    first = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(files)))[:-1]])
    line = np.arange(len(ends)) - first[owner] + 1
    image = np.array([image for image, _ in files], np.int64)[owner]
    kept = columns > 0
    return _columns(image[kept], line[kept], columns[kept], values, 0)


def _columns(
    image: Sequence[int] | Ints, line: Sequence[int] | Ints, columns: Sequence[int] | Ints, values: Floats, flaw: int
) -> tuple[NDArray[np.generic], ...]:
    counted = np.asarray(columns, np.int64)
    return (
        np.asarray(image, np.int64),
        np.asarray(line, np.int64),
        counted,
        values,
        np.full(len(counted), flaw, np.uint8),
    )


def _boxes(values: Floats, start: Ints, columns: Ints, kind: NDArray[np.uint8]) -> Floats:
    box = np.full((len(start), 4), math.nan)
    plain = (kind == Kind.BOX) | (kind == Kind.POSE)
    box[plain] = values[start[plain, None] + np.arange(1, 5)]
    polygon = (kind == Kind.POLYGON) | (columns == 3)  # Ultralytics takes a single point, too
    if polygon.any():
        points, first = polygon_points(values, start[polygon], columns[polygon])
        with np.errstate(invalid="ignore", over="ignore"):
            low, high = (f.reduceat(points, first, axis=0) for f in (np.minimum, np.maximum))
            box[polygon] = np.concatenate([(low + high) / 2, high - low], axis=1)
    return box


def polygon_points(values: Floats, start: Ints, columns: Ints) -> tuple[Floats, Ints]:
    """(P, 2) the points of polygon rows, one row after the other, and (M,) the first point of each."""
    numbers = columns - 1
    taken = np.repeat(start + 1, numbers) + _within(numbers)
    return values[taken].reshape(-1, 2), np.concatenate([[0], np.cumsum(numbers // 2)[:-1]]).astype(np.int64)


def _within(sizes: Ints) -> Ints:
    """0, 1, ... within each run of the given sizes.

    >>> _within(np.array([2, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(sizes)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - sizes, sizes)


def _short(line: str) -> str:
    text = line.strip()
    return repr(text if len(text) <= 60 else text[:57] + "...")
