"""Ultralytics NDJSON: one JSON document a line, the data set first, then its images.

``{"type": "dataset", "task": "detect", "class_names": {"0": "cat"}, "kpt_shape": [17, 3]}``, then for each image
``{"type": "image", "file": "a.jpg", "url": ..., "width": 640, "height": 480, "split": "train", "annotations": {...}}``.
Annotations are lists of the columns of label rows under ``boxes``, ``segments``, ``obb`` or ``pose``, or class
numbers under ``classification``. Nothing is fetched: the images have to be here.

Source: ``_convert_ndjson_to_yolo`` and ``_infer_ndjson_kpt_shape`` in ``ultralytics/data/converter.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from yolo_tl.data.documents import load_text, parse_json
from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.fields import class_name
from yolo_tl.data.reading.fields import found as shown
from yolo_tl.data.reading.references import locate, unmentioned
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, Event, ImageRecord, KeypointOrder, Size
from yolo_tl.data.split import split_in
from yolo_tl.data.tree import Tree
from yolo_tl.data.yolo.data_yaml import keypoint_names, keypoint_shape
from yolo_tl.data.yolo.label_rows import RowReader
from yolo_tl.errors import ParseError

_HEAD = 1 << 16
_IS_DATASET = re.compile(rb'"type"\s*:\s*"dataset"|"class_names"\s*:')
_KIND = {"detect": "boxes", "segment": "segments", "obb": "obb", "pose": "pose", "classify": "classification"}
_SAMPLE = 50  # poses from which the number of keypoints is told, where nothing says it


class _Dataset(msgspec.Struct):
    task: str = "detect"
    class_names: dict[str, Any] = {}
    kpt_shape: Any = None
    kpt_names: Any = None


class _Image(msgspec.Struct):
    file: str
    url: Any = None
    width: Any = None
    height: Any = None
    split: Any = None
    annotations: dict[str, Any] | None = None


@dataclass(frozen=True)
class _Header:
    """What the first line says of all the others: how the rows of each kind are read, and the class names."""

    path: Path
    task: str
    names: dict[int, str]
    rows: dict[str, RowReader]

    def name(self, number: Any) -> str | None:
        """The class of a number; None where it is not the number of a class."""
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 10**9:
            return None
        # Those that the first line leaves out are named as Ultralytics names them.
        return self.names.get(number) or (f"class{number}" if self.names else f"class_{number}")


def sniff(tree: Tree) -> str | None:
    """Files that begin with a line that describes a data set."""
    found = _files(tree)
    names = ", ".join(tree.relative(path) for path in found[:3])
    return f"{len(found)} NDJSON files that begin with a data set: {names}" if found else None


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of each file in turn.

    Of an image with several kinds of annotations the kind of the task counts, since the others
    describe the same objects; they are dropped as ``other_geometry``.

    Raises:
        DataError: the name of an image fits several files equally well.
        ParseError: a line is not JSON, or not what it has to be; or the task is none of ours.
    """
    del options
    mentioned: set[Path] = set()
    for path in _files(tree):
        # Not splitlines(): strings may hold characters that it takes for line ends.
        lines = [(i, line) for i, line in enumerate(load_text(path).split("\n"), start=1) if line.strip()]
        header, keypoints = _header(path, lines)
        yield ClassOrder(tuple(dict.fromkeys(header.names[i] for i in sorted(header.names))))
        if keypoints:
            yield KeypointOrder(keypoints)
        for number, line in lines[1:]:
            image: _Image = parse_json(line, path, _Image, line=number)
            names = [image.file, image.url] if isinstance(image.url, str) else [image.file]
            place = locate(tree, names, near=path, split=_split(image))
            mentioned.add(place)
            annotations: list[Annotation] = []
            for item in _items(image, header, number):
                if isinstance(item, Dropped):
                    yield item
                else:
                    annotations.append(item)
            labelled = bool(annotations) or header.task != "classify"
            yield ImageRecord(
                place,
                path,
                tuple(annotations),
                split=_split(image),
                size=_size(image),
                relative=True,
                labelled=labelled,
            )
    yield from unmentioned(tree, mentioned)


def _files(tree: Tree) -> list[Path]:
    return [path for path in tree.files(".ndjson", ".jsonl") if _begins_with_dataset(path)]


def _begins_with_dataset(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return False
    # Without the zeros of UTF-16, and without byte-order marks and empty lines.
    first = head.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").partition(b"\n")[0]
    return _IS_DATASET.search(first) is not None


def _header(path: Path, lines: list[tuple[int, str]]) -> tuple[_Header, tuple[str, ...]]:
    """The first line, and the names of the keypoints."""
    if not lines:
        raise ParseError(path, "expected a data set on the first line, found an empty file")
    number, first = lines[0]
    dataset: _Dataset = parse_json(first, path, _Dataset, line=number)
    if dataset.task not in _KIND:
        raise ParseError(path, f"expected a task of {', '.join(_KIND)}, found {dataset.task[:40]!r}", line=number)
    names: dict[int, str] = {}
    for key, value in dataset.class_names.items():
        if not (name := class_name(value)) or not key.isdecimal() or len(key) > 9:
            reason = f"expected a class number and its name, found {key[:40]!r}: {shown(value)}"
            raise ParseError(path, reason, line=number, place="class_names")
        names[int(key)] = name
    content = {"kpt_shape": dataset.kpt_shape, "kpt_names": dataset.kpt_names}
    shape = keypoint_shape(path, content)
    if shape is None and dataset.task == "pose":
        shape = _told_shape(path, lines)
    points = keypoint_names(path, content, shape[0]) if shape else ()
    rows = dict.fromkeys(("boxes", "segments"), RowReader(None))
    rows |= {"obb": RowReader(None, oriented=True), "pose": RowReader(None, shape)}
    return _Header(path, dataset.task, names, rows), points


def _told_shape(path: Path, lines: list[tuple[int, str]]) -> tuple[int, int]:
    """The number of keypoints and of their columns, as Ultralytics tells them from the first poses."""
    rows: list[list[Any]] = []
    for number, line in lines[1:]:
        image: _Image = parse_json(line, path, _Image, line=number)
        poses = (image.annotations or {}).get("pose")
        rows += [row[5:] for row in poses if isinstance(row, list) and len(row) > 5] if isinstance(poses, list) else []
        if len(rows) >= _SAMPLE:
            break
    counts = {len(row) for row in rows}
    if len(counts) == 1:
        count = counts.pop()
        if count % 3 == 0 and all(value in (0, 1, 2) for row in rows for value in row[2::3]):
            return count // 3, 3
        if count % 2 == 0 and count % 3:
            return count // 2, 2
    raise ParseError(path, "expected kpt_shape, the number of keypoints and of columns for each", line=lines[0][0])


def _items(image: _Image, header: _Header, number: int) -> Iterator[Annotation | Dropped]:
    """The annotations of one image, and what none could be made of."""
    kinds = {kind: rows for kind, rows in (image.annotations or {}).items() if rows not in (None, [])}
    chosen = _KIND[header.task] if _KIND[header.task] in kinds else next(iter(kinds), "")
    for kind, rows in kinds.items():
        place = f"line {number}, {kind[:40]}"
        if not isinstance(rows, list):
            yield Dropped("malformed", header.path, place, f"expected a list, found {shown(rows)}")
            continue
        for i, row in enumerate(rows, start=1):
            item: Annotation | tuple[str, str] = "other_geometry", f"beside {chosen}"
            if kind == chosen:
                item = _annotation(row, kind, header, f"{place} {i}")
            yield Dropped(item[0], header.path, f"{place} {i}", item[1]) if isinstance(item, tuple) else item


def _annotation(row: Any, kind: str, header: _Header, place: str) -> Annotation | tuple[str, str]:
    number, values = (row, []) if kind == "classification" else (row[0], row[1:]) if _is_row(row) else (None, [])
    if kind not in header.rows and kind != "classification":
        return "unsupported_shape", f"expected {', '.join(_KIND.values())}, found {kind[:40]!r}"
    if number is None:
        return "malformed", f"expected a class and numbers, found {shown(row)}"
    name = header.name(number)
    if name is None:
        return "class_out_of_range", f"expected the number of a class, found {shown(number)}"
    if kind == "classification":
        return Annotation(name, None, place)
    try:
        floats = [float(value) for value in values if not isinstance(value, bool)]
    except (TypeError, ValueError, OverflowError):
        floats = []
    if len(floats) != len(values):
        return "malformed", f"expected numbers, found {shown(row)}"
    return header.rows[kind].annotation(name, floats, place)


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and len(row) > 4


def _split(image: _Image) -> str | None:
    return split_in(image.split) if isinstance(image.split, str) else None


def _size(image: _Image) -> Size | None:
    sides = image.width, image.height
    if all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides):
        return sides
    return None


FORMAT = Format(
    name="ndjson",
    looks_for="Ultralytics NDJSON: .ndjson files that begin with a data set",
    suffixes=(".ndjson", ".jsonl"),
    sniff=sniff,
    read=read,
)
