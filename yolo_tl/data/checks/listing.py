"""The files of a data set: the images of a split as Ultralytics lists them, and what lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yolo_tl.data.documents import decode, read_bytes
from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.errors import ParseError

_SEP = f"{os.sep}images{os.sep}"


@dataclass
class Listing:
    """What one split holds.

    Attributes:
        images: paths of its images, sorted.
        others: other files in its folders.
        folders: the folders themselves.
        missing: places of the yaml that do not exist.
        relative: lines of image lists that start from nowhere in particular.
        errors: what could not be read, with the reason.
    """

    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    relative: list[tuple[str, int, str]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)


def list_split(places: list[str], root: str) -> Listing:
    """The images at the places of one split: folders, lists of images, or images."""
    found = Listing()
    for place in places:
        if os.path.isdir(place):
            for path, is_image in _walk(place, found):
                (found.images if is_image else found.others).append(path)
        elif os.path.isfile(place):
            found.images += [place] if is_image_name(place) else _listed(place, root, found)
        else:
            found.missing.append(place)
    found.images.sort()
    return found


def label_file(image: str) -> str:
    """Where Ultralytics looks for the labels of an image.

    >>> label_file(os.sep.join(["", "images", "images", "a.b.jpg"])).replace(os.sep, "/")
    '/images/labels/a.b.txt'
    """
    before, folder, after = image.rpartition(_SEP)
    path = f"{before}{os.sep}labels{os.sep}{after}" if folder else image
    return path.rpartition(".")[0] + ".txt"


def is_image_name(path: str) -> bool:
    """By its suffix."""
    return ("." + path.rpartition(".")[2].lower()) in IMAGE_SUFFIXES


def files_in(folder: str) -> list[str]:
    """The files of one folder, sorted; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if not entry.is_dir())
    except OSError:
        return []


def _walk(folder: str, found: Listing) -> Iterator[tuple[str, bool]]:
    """Every file below a folder, and whether it is an image; hidden ones are no images."""
    waiting, seen = [folder], set()
    while waiting:
        here = waiting.pop()
        real = os.path.realpath(here)
        if real in seen:  # a link back up would never end
            continue
        seen.add(real)
        found.folders.append(here)
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    hidden = entry.name.startswith(".")
                    if not entry.is_dir():
                        yield entry.path, is_image_name(entry.name) and not hidden
                    elif not hidden:
                        waiting.append(entry.path)
        except OSError as error:
            found.errors.append((here, error.strerror or str(error)))


def _listed(file: str, root: str, found: Listing) -> list[str]:
    """The images that a text file lists, a path a line."""
    try:
        text = decode(read_bytes(Path(file)), Path(file))
    except ParseError as error:
        found.errors.append((file, error.message.partition(": ")[2]))
        return []
    images = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip()
        if not entry or not is_image_name(entry):
            continue
        if entry.startswith("./"):
            images.append(os.path.normpath(os.path.join(os.path.dirname(file), entry)))
        else:
            if not os.path.isabs(entry):
                found.relative.append((file, number, entry))
            images.append(os.path.normpath(os.path.join(root, entry)))
    found.folders += sorted({os.path.dirname(image) for image in images})
    return images
