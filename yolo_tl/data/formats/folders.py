"""Folders of classes: ``cat/1.jpg``, or ``train/cat/1.jpg``, and nothing but images.

The first folder below the source (or below the split) is the class, however deep the image lies, as in
``check_cls_dataset`` of ``ultralytics/data/utils.py``; folders around all of them do not count. What is in no
folder of a class is an image without a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from yolo_tl.data.formats.base import Format
from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Event, ImageRecord, Note
from yolo_tl.data.split import split_of_folder
from yolo_tl.data.tree import Tree

# Beside the images there may be what says nothing of them.
_HARMLESS = {"", ".md", ".db", ".ini", ".cache", ".npy"}
_NO_CLASS = re.compile(
    r"images?|imgs?|labels?|annotations?|jpegimages|segmentation(class|object)?|masks?|ground_?truth|gt|seg|depth|"
    r"(image|label)_\d|train\w*|val\w*|test\w*|obj_\w*|leftimg8bit|gtfine|frames?|pictures?|photos?|data|dataset|raw",
    re.IGNORECASE,
)


class _Labelled(NamedTuple):
    path: Path
    name: str | None
    split: str | None


def sniff(tree: Tree) -> str | None:
    """Nothing but images, all in folders of two classes or more."""
    if set(tree.suffixes()) - IMAGE_SUFFIXES - _HARMLESS or tree.only is not None:
        return None
    images = _images(tree)
    stems: dict[str, set[str]] = {}
    for path, name, _ in images:
        if name is None or _NO_CLASS.fullmatch(name):
            return None
        stems.setdefault(name, set()).add(path.stem)
    # Pictures and their masks have the same names in two folders.
    alike = len(stems) > 1 and len({frozenset(names) for names in stems.values()}) == 1 and len(images) > len(stems)
    if len(stems) < 2 or alike:
        return None
    names = ", ".join(sorted(stems)[:5]) + (", ..." if len(stems) > 5 else "")
    return f"{len(images)} images in folders of {len(stems)} classes and nothing else: {names}"


def read(tree: Tree, options: ReadOptions) -> Iterator[Event]:
    """Each image with its folder as a tag."""
    del options
    images = _images(tree)
    yield ClassOrder(tuple(sorted({name for _, name, _ in images if name is not None})))
    if loose := [path for path, name, _ in images if name is None]:
        yield Note(f"{len(loose)} images are in no folder of a class, first: {tree.relative(loose[0])}")
    for path, name, split in images:
        tags = () if name is None else (Annotation(name, None, f"folder {name}"),)
        yield ImageRecord(path, path.parent, tags, split=split, labelled=name is not None)


def _images(tree: Tree) -> list[_Labelled]:
    """Every image with the class and the split that its folders say."""
    places = [(path, path.relative_to(tree.image_root).parts[:-1]) for path in tree.images]
    start, split = 0, None
    while len({folders[start : start + 1] for _, folders in places}) == 1 and all(
        len(folders) > start + 1 for _, folders in places
    ):  # one folder around all
        split = _split(places[0][1][start]) or split
        start += 1
    first = {folders[start] for _, folders in places if len(folders) > start}
    if first and all(map(_split, first)):
        return [
            _Labelled(path, folders[start + 1] if len(folders) > start + 1 else None, _split("/".join(folders[start:])))
            for path, folders in places
        ]
    return [_Labelled(path, folders[start] if len(folders) > start else None, split) for path, folders in places]


def _split(folder: str) -> str | None:
    return split_of_folder(f"{folder.split('/')[0]}/")


FORMAT = Format(
    name="folders",
    looks_for="folders of classes: nothing but images, cat/1.jpg or train/cat/1.jpg",
    suffixes=(),
    sniff=sniff,
    read=read,
)
