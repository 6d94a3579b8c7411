"""A name for the content of a data set: two people with the same one trained on the same data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from yolo_tl.data.dataset import Dataset
from yolo_tl.data.pictures.pixels import pixel_digests
from yolo_tl.data.tree import read_lines
from yolo_tl.data.yolo.labelled import LabelledSet
from yolo_tl.errors import ImageError
from yolo_tl.files import sha256

_DIGITS = 6  # of coordinates: 0.001 px in an image of 1,000 px


def fingerprint(data: Dataset | LabelledSet, *, workers: int = 0) -> str:
    """SHA-256, in hexadecimal, of the class names, and of pixels and labels of every image by split.

    Pixels are the decoded ones, upright, in 8-bit BGR; coordinates are rounded to 1e-6. So
    names, folders, links, the order of files and rows, and a lossless image format do not
    matter. What a JPEG decodes to may differ by a grey level between builds of the decoder;
    `file_fingerprint` does not depend on it.

    Args:
        data: the data set; every image is decoded, which takes about 3 ms for one of 640x480 px.
        workers: threads that decode; 0 takes one for each core.

    Raises:
        ImageError: an image is missing, or is not an image.
    """
    files = _files(data)
    return _digest(data.names, files, pixel_digests([image for _, image, _ in files], workers=workers))


def file_fingerprint(data: Dataset | LabelledSet) -> str:
    """As `fingerprint`, of the image files as they are instead of their pixels: several times as fast.

    Raises:
        ImageError: an image is missing.
    """
    files = _files(data)
    return _digest(data.names, files, (_file_digest(image) for _, image, _ in files))


def _files(data: Dataset | LabelledSet) -> list[tuple[str, Path, Path]]:
    """Split, image and label file of each image."""
    if isinstance(data, LabelledSet):
        return [(image.split, image.path, image.labels) for image in data.images]
    splits = data.splits.values()
    return [(s.name, image, label) for s in splits for image, label in zip(s.images, s.labels, strict=True)]


def _file_digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise ImageError(f"{path}: the image cannot be read: {error.strerror}") from error


def _digest(names: tuple[str, ...], files: Iterable[tuple[str, Path, Path]], digests: Iterable[str]) -> str:
    entries = [(split, digest, _rows(label, names)) for (split, _, label), digest in zip(files, digests, strict=True)]
    content = json.dumps([names, sorted(entries)], ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _rows(path: Path, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Class name and coordinates of each row, sorted; a missing file is an empty one."""
    if not path.is_file():
        return []
    return sorted(_row(line.split(), names) for line in read_lines(path) if line.strip())


def _row(fields: list[str], names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        number, *values = map(float, fields)
        # 0.0 is added because a rounded -1e-9 is -0.0, which is written otherwise.
        return names[int(number)], *(str(round(value, _DIGITS) + 0.0) for value in values)
    except (ValueError, OverflowError, IndexError):  # a row that says nothing stands for itself
        return tuple(fields)
