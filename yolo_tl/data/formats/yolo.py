"""Ultralytics YOLO: a ``data.yaml`` and one text file of rows an image.

Rows are shares of the image's sides: ``class cx cy w h`` (detect), that and K keypoints of two or three
columns (pose, where the yaml has ``kpt_shape``), four corners (obb) or a polygon (segment). A row of four
points is both: it is read as the corners of an oriented box if the task asked for is obb, the yaml says
``task: obb``, or a word of the name of the yaml, its ``path`` or its folder is ``obb``.

Source: ``verify_image_label`` and ``check_det_dataset`` in ``ultralytics/data/utils.py``. See
`yolo_tl.data.yolo.label_rows.RowReader` for rows that Ultralytics refuses and that are read here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from yolo_tl.data.documents import load_text
from yolo_tl.data.formats.base import Format
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.reading.references import file_name
from yolo_tl.data.records import ClassOrder, Event, KeypointOrder, Note
from yolo_tl.data.tree import Tree
from yolo_tl.data.yolo.data_yaml import DataYaml, load_data_yaml, mirrored
from yolo_tl.data.yolo.label_files import LabelFiles, Listed
from yolo_tl.data.yolo.label_rows import RowReader
from yolo_tl.data.yolo.write import write
from yolo_tl.errors import FormatError, ParseError

_LONGEST_PATH, _LONGEST_NAME = 1000, 256


def sniff(tree: Tree) -> str | None:
    """A YAML file at the top with class names and splits."""
    if not (found := _yaml_files(tree)):
        return None
    texts = sum(path.suffix.lower() == ".txt" for path in tree.all_files)
    names = ", ".join(tree.relative(path) for path in found)
    return f"{names} with class names and splits, {len(tree.images)} images, {texts} text files"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """The images of each split with the rows of their label files.

    An image without a label file is not labelled; the rows of a label file without an image
    are dropped. What the yaml names by a path of another machine is looked for in the source.

    Raises:
        DataNotFound: a split of the yaml is not there.
        FormatError: there are several such YAML files.
        ParseError: the yaml is malformed, a label file is not text, or the task is pose and the yaml
            has no ``kpt_shape``.
    """
    found = _yaml_files(tree)
    if len(found) != 1:
        names = ", ".join(tree.relative(path) for path in found) or "none"
        raise FormatError(f"{tree.source}: expected one data.yaml, found {names}", hint="name the file as the source")
    data = load_data_yaml(found[0], source=tree)
    if options.task == "pose" and data.keypoints is None:
        raise ParseError(data.file, "expected kpt_shape, the number of keypoints and of columns for each", place="pose")
    yield ClassOrder(data.names)
    yield from _notes(data)
    rows = RowReader(data.names, data.keypoints, oriented=options.task == "obb" or _is_oriented(data))
    files = LabelFiles(tree, rows)
    images, notes = _images(data, tree, files)
    yield from notes
    yield from files.read(images, files.exact, workers=options.workers)


def _yaml_files(tree: Tree) -> list[Path]:
    """The data.yaml files: the one named, those at the top, or else a data.yaml one folder below."""
    found = [path for path in tree.files(".yaml", ".yml") if len(path.relative_to(tree.root).parts) <= 2]
    top = [path for path in found if path.parent == tree.root and _has_names_and_splits(path)]
    below = [path for path in found if path.parent != tree.root and path.stem in ("data", "dataset")]
    return top or [path for path in below if _has_names_and_splits(path)]


def _has_names_and_splits(path: Path) -> bool:
    # By its lines, not parsed: a malformed data.yaml is to be reported by the reader.
    try:
        lines = load_text(path, latin1=True).splitlines()
    except ParseError:
        return False
    keys = {line.partition(":")[0].strip(" \t\"'{,") for line in lines if ":" in line}
    return bool(keys & {"names", "nc"}) and bool(keys & {"train", "val", "validation", "test"})


def _is_oriented(data: DataYaml) -> bool:
    if data.task:
        return data.task.lower() == "obb"
    names = (data.file.stem, data.root.name, data.file.absolute().parent.name)
    return any("obb" in re.split(r"[^a-z]+", name.lower()) for name in names)


def _notes(data: DataYaml) -> Iterator[Event]:
    if data.lost:
        yield Note(f"{data.file.name}: the path {data.lost!r} is not here; its splits were found below {data.root}")
    if data.keypoints:
        yield KeypointOrder(data.keypoint_names)
        order = mirrored(data.keypoint_names)
        if data.flip_idx and list(data.flip_idx) != order:
            yield Note(
                f"{data.file.name}: flip_idx does not follow from the names of the keypoints and is not carried over; "
                "add kpt_names with left and right in them"
            )


def _images(data: DataYaml, tree: Tree, files: LabelFiles) -> tuple[list[Listed], list[Note]]:
    """Each image with its split, once a split; those that lists name elsewhere are looked for in the source."""
    known = {files.key(path): path for path in tree.images}
    images: list[Listed] = []
    twice: list[Path] = []
    moved = 0
    for split, listed in data.images.items():
        seen: set[str] = set()
        for path in listed:
            image = known.get(files.key(path))
            if image is None and not os.path.isfile(path):
                image = tree.find_image(os.fspath(path), near=data.file, split=split)
                moved += image is not None
            image = image or (path if _is_possible(path) else tree.image_root / file_name(path.name))
            if (key := os.fspath(image)) in seen:
                twice.append(image)
            else:
                seen.add(key)
                images.append((image, split))
    notes = []
    if moved:
        notes.append(Note(f"{moved} images are not where the lists say; images of the same name were taken"))
    if twice:
        notes.append(Note(f"{len(twice)} images are listed twice in a split and count once, first: {twice[0].name}"))
    return images, notes


def _is_possible(path: Path) -> bool:
    """No longer than file systems allow: a broken list can hold anything."""
    return len(os.fspath(path)) < _LONGEST_PATH and all(len(part.encode()) < _LONGEST_NAME for part in path.parts)


FORMAT = Format(
    name="yolo",
    looks_for="Ultralytics YOLO: a data.yaml with names and splits",
    suffixes=(".yaml", ".yml"),
    sniff=sniff,
    read=read,
    write=write,
    tasks=("detect", "segment", "obb", "pose", "classify"),
)
