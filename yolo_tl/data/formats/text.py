"""Delimited text, described by the user: one file an image, one object a line."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions, expand
from yolo_tl.data.reading.references import locate
from yolo_tl.data.records import XYXY, Annotation, Dropped, Event, ImageRecord, Note
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree, read_lines
from yolo_tl.errors import ConfigError, DataError, DataNotFound, ParseError

_FIELDS = {
    **dict.fromkeys(("x1", "xmin", "left"), "x1"),
    **dict.fromkeys(("y1", "ymin", "top"), "y1"),
    **dict.fromkeys(("x2", "xmax", "right"), "x2"),
    **dict.fromkeys(("y2", "ymax", "bottom"), "y2"),
    **dict.fromkeys(("w", "width"), "w"),
    **dict.fromkeys(("h", "height"), "h"),
    **dict.fromkeys(("cx", "xc", "x_center"), "cx"),
    **dict.fromkeys(("cy", "yc", "y_center"), "cy"),
    **dict.fromkeys(("class", "label", "name", "category"), "class"),
    **dict.fromkeys(("_", "-"), "_"),
}
_DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "space": None}
_EDGES: dict[frozenset[str], Callable[[float, float], tuple[float, float]]] = {
    frozenset("12"): lambda start, end: (start, end),
    frozenset("1s"): lambda start, side: (start, start + side),
    frozenset("cs"): lambda centre, side: (centre - side / 2, centre + side / 2),
}


@dataclass(frozen=True)
class Columns:
    """Where in a row the class and the two numbers of each axis stand.

    `horizontal` and `vertical` hold the columns of (start, end), (start, side) or
    (centre, side); the functions beside them turn the two numbers into start and end.
    """

    count: int
    label: int
    horizontal: tuple[int, int]
    vertical: tuple[int, int]
    to_x: Callable[[float, float], tuple[float, float]]
    to_y: Callable[[float, float], tuple[float, float]]

    @classmethod
    def parse(cls, text: str) -> Columns:
        """From words such as ``x1 y1 x2 y2 class``; ``_`` stands for a column to be ignored.

        Raises:
            ConfigError: a word is unknown, or the words do not make a box and a class.
        """
        words = text.replace(",", " ").lower().split()
        if unknown := [word for word in words if word not in _FIELDS]:
            raise ConfigError(
                f"columns: unknown column {unknown[0]!r} in {text!r}", hint=f"known columns: {', '.join(_FIELDS)}"
            )
        names = [_FIELDS[word] for word in words]
        places = {name: i for i, name in enumerate(names) if name != "_"}
        if len(places) != 5 or len(names) - names.count("_") != 5 or "class" not in places:
            raise ConfigError(f"columns: expected a class and four numbers of a box, found {text!r}", hint=_HINT)
        (horizontal, to_x), (vertical, to_y) = (_axis(places, axis, text) for axis in ("x", "y"))
        return cls(len(names), places["class"], horizontal, vertical, to_x, to_y)

    def box(self, fields: Sequence[str]) -> XYXY:
        """The corners that a row states. Raises ValueError where a field is not a number."""
        x1, x2 = self.to_x(*(float(fields[i]) for i in self.horizontal))
        y1, y2 = self.to_y(*(float(fields[i]) for i in self.vertical))
        return x1, y1, x2, y2


_LONGEST_LINE = 1 << 14  # of a list: two paths

_HINT = "for example: x1 y1 x2 y2 class, or: class cx cy w h"


def _axis(places: dict[str, int], axis: str, text: str) -> tuple[tuple[int, int], Callable[..., tuple[float, float]]]:
    roles = {f"{axis}1": "1", f"{axis}2": "2", f"c{axis}": "c", {"x": "w", "y": "h"}[axis]: "s"}
    present = {role: places[name] for name, role in roles.items() if name in places}
    edges = _EDGES.get(frozenset(present))
    if edges is None:
        raise ConfigError(f"columns: {text!r} does not say where a box starts and ends along {axis}", hint=_HINT)
    first, second = sorted(present, key="1c2s".index)
    return (present[first], present[second]), edges


def sniff(tree: Tree) -> str | None:
    """Never: the meaning of the columns is for the user to say."""
    del tree
    return None


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images that the lists or the label pattern pair with a text file.

    Raises:
        ConfigError: the columns are not described, or the description makes no box.
        DataError: class numbers do not tell whether they start at 0 or 1.
        DataNotFound: nothing pairs an image with a text file.
        ParseError: a line of a list does not pair two files.
    """
    if not options.columns:
        raise ConfigError("text: the columns are not described", hint=f"say --columns; {_HINT}")
    columns = Columns.parse(options.columns)
    pairs = list(_pairs(tree, options))
    if not pairs:
        raise DataNotFound(
            f"{tree.root}: expected text files that belong to images, found none",
            hint="say --pairs LIST with `IMAGE ANNOTATION` on each line, or --label-pattern",
        )
    name_of, why = _naming(pairs, columns, options)
    yield Note(why)
    for image, source, split in pairs:
        annotations: list[Annotation] = []
        for number, fields in _rows(source, columns, options):
            place = f"line {number}"
            if len(fields) != columns.count:
                detail = f"expected {columns.count} columns, found {len(fields)}"
                yield Dropped("malformed", source, place, detail)
                continue
            try:
                box = columns.box(fields)
            except ValueError as error:
                yield Dropped("malformed", source, place, f"expected numbers: {error}")
                continue
            if not fields[columns.label]:
                yield Dropped("no_class", source, place, "the class is empty")
                continue
            annotations.append(Annotation(name_of(fields[columns.label]), box, place))
        yield ImageRecord(image, source, tuple(annotations), split=split, relative=options.normalized)


def _pairs(tree: Tree, options: ReadOptions) -> Iterator[tuple[Path, Path, str | None]]:
    """(image, text file, split): from the lists, else for each image with a text file by the pattern."""
    lists = [tree.root / name for name in options.pairs] or [p for p in tree.files(".txt") if _is_list(p, tree)]
    for path in lists:
        if not path.is_file():
            raise DataNotFound(f"{path}: no such list", hint="paths of lists start from the source folder")
        for number, line in enumerate(read_lines(path), start=1):
            if not line.strip():
                continue
            image, text = _two_paths(line, tree, path, number)
            split = split_in(path.stem)
            yield _image(expand(options.image_pattern, Path(image)), tree, path, split), tree.root / text, split
    if not lists:
        for image_path in tree.images:
            source = tree.root / expand(options.label_pattern, image_path.relative_to(tree.image_root))
            if source.is_file():
                yield image_path, source, split_of_folder(tree.relative(image_path))


def _image(name: Path, tree: Tree, source: Path, split: str | None) -> Path:
    """The image that a list names; nothing outside of the image folder is ever pointed at."""
    if name.is_absolute() or ".." in name.parts:
        return locate(tree, [name.as_posix()], near=source, split=split)
    return tree.image_root / name


def _is_list(path: Path, tree: Tree) -> bool:
    if path.parent != tree.root or split_in(path.stem) is None:
        return False
    return _cut(next((line for line in read_lines(path) if line.strip()), ""), tree) is not None


def _two_paths(line: str, tree: Tree, path: Path, number: int) -> tuple[str, str]:
    paths = _cut(line, tree)
    if paths is None:
        raise ParseError(
            path,
            f"expected IMAGE ANNOTATION with a text file that exists, found {line.strip()!r}",
            line=number,
            hint="paths in a list start from the source folder",
        )
    return paths


def _cut(line: str, tree: Tree) -> tuple[str, str] | None:
    """Image and text file of a line; names may hold spaces, so the cut is where the second one exists."""
    if len(line) > _LONGEST_LINE or "\0" in line:
        return None
    words = line.strip().split("\t") if "\t" in line else line.split()
    cuts = ((" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words)))
    return next(((image, text) for image, text in cuts if _is_below(text) and os.path.isfile(tree.root / text)), None)


def _is_below(path: str) -> bool:
    """It starts from the source folder and does not leave it."""
    return not os.path.isabs(path) and ".." not in Path(path).parts


def _rows(source: Path, columns: Columns, options: ReadOptions) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each row; comments and a heading are not rows."""
    for number, line in enumerate(read_lines(source), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        fields = _fields(line, options.delimiter)
        heading = number == 1 and all(field.lower() in _FIELDS for field in fields) and len(fields) == columns.count
        if not heading:
            yield number, fields


def _fields(line: str, delimiter: str) -> list[str]:
    found = next((mark for mark in ",;\t" if mark in line), None)
    mark = found if delimiter == "auto" else _DELIMITERS[delimiter]
    return [field.strip().strip('"') for field in line.strip().split(mark)]


def _naming(
    pairs: Sequence[tuple[Path, Path, str | None]], columns: Columns, options: ReadOptions
) -> tuple[Callable[[str], str], str]:
    """How a class token becomes a name, and why."""
    if options.names is None or isinstance(options.names, Mapping):
        return str, "classes are named as the text files write them"
    tokens = {
        fields[columns.label]
        for _, source, _ in pairs
        for _, fields in _rows(source, columns, options)
        if len(fields) == columns.count
    }
    names = [str(name) for name in options.names]
    if not tokens or not all(_is_whole(token) for token in tokens):
        return str, "classes are named as the text files write them"
    numbers = {int(float(token)) for token in tokens}
    base, why = _class_base(numbers, len(names), options.class_base)

    def name_of(token: str) -> str:
        index = int(float(token)) - base
        return names[index] if 0 <= index < len(names) else token

    return name_of, why


def _class_base(numbers: set[int], count: int, asked: str) -> tuple[int, str]:
    if asked != "auto":
        return int(asked), f"the first class is number {asked}: as asked for"
    if 0 in numbers:
        return 0, "the first class is number 0: a file has it"
    if count in numbers:
        return 1, f"the first class is number 1: there are {count} names and a file has number {count}"
    raise DataError(
        f"class numbers {min(numbers)} to {max(numbers)} and {count} names: "
        "they do not tell whether the first class is number 0 or 1",
        hint="say --class-base 0 or 1, or give the names as a map",
    )


def _is_whole(token: str) -> bool:
    try:
        value = float(token)
    except ValueError:
        return False
    return math.isfinite(value) and value.is_integer()


FORMAT = Format(
    name="text",
    looks_for="delimited text: never by itself, say --format text --columns `x1 y1 x2 y2 class`",
    suffixes=(".txt", ".csv"),
    sniff=sniff,
    read=read,
)
