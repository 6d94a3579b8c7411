"""Darknet YOLO without a ``data.yaml``: text files of rows, lists of images, a file of class names.

Rows are ``class cx cy w h`` in shares of the image's sides, in a text file beside the image or in ``labels``
beside ``images``. Around them there is, of each kind, what is there:

* names, one a line, the line's number from 0 is the class: the file that ``names =`` of a ``.data`` file
  says, ``*.names``, ``_darknet.labels`` (Roboflow), ``classes.txt`` (labelImg, Label Studio) or ``notes.json``
  (Label Studio). Without any, a class is called by its number.
* splits: the lists of images that ``train =``, ``valid =`` and ``test =`` of the ``.data`` file name, or that lie
  at the top as ``train.txt`` and so on; without any, folders called like a split.

Paths start from wherever Darknet was started, often on another machine: what they name is looked for
in the source by as much of the path as fits.

Source: ``option_list.c`` and ``data.c`` of Darknet; the exports of CVAT ("YOLO 1.1"), labelImg, Label Studio
and Roboflow.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec

from yolo_tl.data.documents import load_json, load_text
from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.references import is_image_name, locate
from yolo_tl.data.records import ClassOrder, Event, ImageRecord, Note
from yolo_tl.data.split import split_in, split_of_folder
from yolo_tl.data.tree import Tree
from yolo_tl.data.yolo.label_files import LabelFiles, Listed
from yolo_tl.data.yolo.label_rows import RowReader
from yolo_tl.errors import FormatError, ParseError

_SAMPLE = 20  # label files that are looked into to recognise the format
_MOST_CLASSES = 100_000
_OPTION = re.compile(r"^[ \t]*(\w+)[ \t]*=[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_NAMES_FILES = ("_darknet.labels", "classes.txt", "notes.json")


class _Category(msgspec.Struct):
    id: int
    name: str


class _Notes(msgspec.Struct):
    categories: list[_Category]


@dataclass
class _Layout:
    """The files of a source around its labels.

    Attributes:
        data: the ``.data`` files.
        lists: lists of images, each with its split.
        names: files of class names, all of the first kind that is there.
        lost: what a ``.data`` file names and the source does not hold.
    """

    data: list[Path]
    lists: list[tuple[Path, str | None]] = field(default_factory=list)
    names: list[Path] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [*self.data, *(path for path, _ in self.lists), *self.names]


def sniff(tree: Tree) -> str | None:
    """Text files of rows that belong to images; or a .data file. Never where there is a data.yaml."""
    suffixes = {path.suffix.lower() for path in tree.all_files}
    if not suffixes & {".txt", ".data"} or any(map(_is_data_yaml, tree.files(".yaml", ".yml"))):
        return None
    layout = _layout(tree)
    files = LabelFiles(tree, RowReader(None), skip=layout.files)
    matched = (path for image in tree.images if (path := files.exact(image) or files.by_name(image)))
    looks = [look for path in islice(matched, _SAMPLE) if (look := _look(path)) is not None]
    if not any(looks) if layout.names else not (looks and all(looks)):
        return f"{tree.relative(layout.data[0])} with the options of Darknet" if layout.data else None
    texts = sum(path.suffix.lower() == ".txt" for path in tree.all_files)
    rows = f"{texts} text files, rows `class cx cy w h` in those of {len(looks)} images looked into"
    names = ", ".join(tree.relative(path) for path in layout.names[:3])
    return rows + (f", class names in {names}" if names else ", no class names")


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of the lists, or all there are, with the rows of their label files.

    Raises:
        DataError: a name in a list fits several images equally well.
        FormatError: files of class names contradict each other, or there are several .data files.
        ParseError: a file is not text.
    """
    layout = _layout(tree)
    if len(layout.data) > 1:
        found = ", ".join(tree.relative(path) for path in layout.data)
        raise FormatError(f"{tree.source}: expected one .data file, found {found}", hint="name the file as the source")
    if layout.lost:
        yield Note(f"{tree.relative(layout.data[0])} names files that are not here: {', '.join(layout.lost)}")
    names = _names(layout.names)
    if names is None and options.names is not None:
        names = options.classes
    if names is not None:
        yield ClassOrder(names)
    files = LabelFiles(tree, RowReader(names, oriented=options.task == "obb"), skip=layout.files)
    images = list(_listed(tree, layout, files)) if layout.lists else _by_folder(tree)
    numbers: set[str] = set()
    for event in files.read(images, lambda image: files.exact(image) or files.by_name(image), workers=options.workers):
        if names is None and isinstance(event, ImageRecord):
            numbers.update(annotation.name for annotation in event.annotations)
        yield event
    if names is None:
        yield ClassOrder(tuple(sorted(numbers, key=lambda name: (len(name), name))))
        yield Note("no file of class names: classes are called by their numbers")


def _is_data_yaml(path: Path) -> bool:
    if path.stem.lower() in ("data", "dataset"):  # a damaged one is not to be passed over
        return True
    try:
        return re.search(r"^\s*(names|nc|train|val)\s*:", load_text(path, latin1=True), re.MULTILINE) is not None
    except ParseError:
        return False


def _layout(tree: Tree) -> _Layout:
    data = {path: options for path in tree.files(".data") if (options := _options(path))}
    layout = _Layout(list(data))
    for path, options in data.items():
        for key, value in options.items():
            if key not in ("names", "train", "valid", "val", "test"):
                continue
            file = _called(tree, value, near=path)
            if file is None:
                layout.lost.append(value[:80])
            elif key == "names":
                layout.names.append(file)
            else:
                layout.lists.append((file, split_in(key)))
    if not layout.lists:
        top = (path for path in tree.all_files if path.parent == tree.root and path.suffix == ".txt")
        layout.lists = [(path, split) for path in top if (split := split_in(path.stem)) and _is_list(path)]
    kinds = ([p for p in tree.all_files if p.suffix == ".names"], *(_all_called(tree, n) for n in _NAMES_FILES))
    layout.names = layout.names or next((kind for kind in kinds if kind), [])
    return layout


def _options(path: Path) -> dict[str, str]:
    """The options of a .data file; none where it is another kind of file."""
    try:
        found = dict(_OPTION.findall(load_text(path, latin1=True)))
    except ParseError:
        return {}
    return found if found.keys() & {"train", "valid", "names"} else {}


def _called(tree: Tree, name: str, *, near: Path) -> Path | None:
    """The file that a path of any machine means: of those of its name, the one that shares most of its end."""
    parts = [part for part in re.split(r"[/\\]+", name) if part not in ("", ".", "..")]
    found = [path for path in tree.all_files if parts and path.name == parts[-1]]

    def kinship(path: Path) -> tuple[int, bool, int]:
        shared = zip(reversed(path.parts), reversed(parts), strict=False)
        same = next((i for i, (a, b) in enumerate(shared) if a != b), len(parts))
        return same, path.parent == near.parent, -len(path.parts)

    return max(found, key=kinship, default=None)


def _all_called(tree: Tree, name: str) -> list[Path]:
    found = [path for path in tree.all_files if path.name == name]
    return [path for path in found if path.suffix != ".json" or _is_notes(tree, path)]


def _is_notes(tree: Tree, path: Path) -> bool:
    _, keys = tree.json_outline(path)
    return "categories" in keys and "images" not in keys


def _is_list(path: Path) -> bool:
    try:
        lines = load_text(path, latin1=True).splitlines()
    except ParseError:
        return False
    return any(is_image_name(line.strip()) for line in lines if line.strip())


def _look(path: Path) -> bool | None:
    """Whether a text file holds rows of shares and nothing else; None where it holds nothing."""
    try:
        lines = [line for line in load_text(path, latin1=True).splitlines() if line.strip()]
    except ParseError:
        return False
    return all(map(_is_row, lines)) if lines else None


def _is_row(line: str) -> bool:
    number, *values = re.split(r"[,;\s]+", line.strip(" ,;\t"))
    try:
        return number.isdecimal() and len(values) >= 4 and all(-0.5 <= float(value) <= 1.5 for value in values)
    except ValueError:
        return False


def _names(files: list[Path]) -> tuple[str, ...] | None:
    found = {path: _notes_names(path) if path.suffix == ".json" else _lines(path) for path in files}
    if len(set(found.values())) > 1:
        raise FormatError(
            f"{', '.join(map(str, found))}: expected the same class names, found different ones",
            hint="remove the wrong ones",
        )
    return next(iter(found.values()), None) or None


def _lines(path: Path) -> tuple[str, ...]:
    lines = load_text(path, latin1=True).rstrip().splitlines()
    return tuple(line.strip() or f"class_{i}" for i, line in enumerate(lines))


def _notes_names(path: Path) -> tuple[str, ...]:
    notes: _Notes = load_json(path, _Notes)
    names = {category.id: category.name for category in notes.categories}
    if names and not 0 <= min(names) <= max(names) < _MOST_CLASSES:
        raise ParseError(path, f"expected ids from 0 to {_MOST_CLASSES - 1}", place="categories")
    return tuple(names.get(i, f"class_{i}") for i in range(max(names, default=-1) + 1))


def _by_folder(tree: Tree) -> list[Listed]:
    return [(image, split_of_folder(tree.relative(image))) for image in tree.images]


def _listed(tree: Tree, layout: _Layout, files: LabelFiles) -> Iterator[Listed]:
    """Each image of each list, once."""
    known = {files.key(image): image for image in tree.images}
    for path, split in layout.lists:
        seen: set[Path] = set()
        for line in load_text(path, latin1=True).splitlines():
            name = line.strip().replace("\0", "")
            if not is_image_name(name):
                continue
            here = os.path.dirname(files.key(path))
            image = known.get(os.path.normpath(name)) or known.get(os.path.normpath(os.path.join(here, name)))
            image = image or locate(tree, [name], near=path, split=split)
            if image not in seen:
                seen.add(image)
                yield image, split


FORMAT = Format(
    name="darknet",
    looks_for="Darknet YOLO: .txt files of rows `class cx cy w h`, with classes.txt, .names or .data",
    suffixes=(".data", ".names", ".labels", ".txt"),
    sniff=sniff,
    read=read,
)
