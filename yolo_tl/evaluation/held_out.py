"""Whether the images of a split were trained on: then a score on them says how much was learnt by heart."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

from yolo_tl.data.dataset import Dataset
from yolo_tl.errors import DataError, ImageError
from yolo_tl.files import sha256

_PROBE = 4096  # bytes at the start, the middle and the end of a file


def shared_with_train(dataset: Dataset, split: str) -> tuple[Path, ...]:
    """The images of a split that are in train as well: the same file, or one of the same content.

    Files are read only where their sizes agree, and whole only where three pieces of them do.

    Raises:
        DataNotFound: the data set has no such split.
        ImageError: an image cannot be read.
    """
    images = dataset.split(split).images
    if split == "train" or "train" not in dataset.splits:
        return ()
    trained = dataset.splits["train"].images
    known = {os.path.realpath(path) for path in trained}
    same = {path for path in images if os.path.realpath(path) in known}
    left, others = [path for path in images if path not in same], list(trained)
    for key in (_size, _probe, sha256):
        left, others = _alike(left, others, key)
    same.update(left)
    return tuple(path for path in images if path in same)


def require_held_out(dataset: Dataset, split: str) -> tuple[Path, ...]:
    """The images that a split shares with train, where it holds others, too.

    Raises:
        DataError: each of its images is in train.
        DataNotFound: the data set has no such split.
        ImageError: an image cannot be read.
    """
    shared = shared_with_train(dataset, split)
    if shared and len(shared) == len(dataset.split(split)):
        raise DataError(
            f"{dataset.data}: expected images in {split} that were not trained on, "
            f"found all {len(shared)} of them in train, too, such as {shared[0]}",
            hint="a score on them says nothing about new images; split the data anew, with `yolo-tl split`",
        )
    return shared


def _alike(left: list[Path], others: list[Path], key: Callable[[Path], Hashable]) -> tuple[list[Path], list[Path]]:
    """Those of each list whose key some file of the other list has, too."""
    if not left or not others:
        return [], []
    keys, other_keys = _keys(left, key), _keys(others, key)
    shared = set(keys.values()) & set(other_keys.values())
    return [path for path in left if keys[path] in shared], [path for path in others if other_keys[path] in shared]


def _keys(paths: Iterable[Path], key: Callable[[Path], Hashable]) -> dict[Path, Hashable]:
    found = {}
    for path in paths:
        try:
            found[path] = key(path)
        except OSError as error:
            raise ImageError(f"{path}: the image cannot be read: {error.strerror}") from error
    return found


def _size(path: Path) -> int:
    return path.stat().st_size


def _probe(path: Path) -> tuple[int, bytes]:
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for start in (0, size // 2, max(0, size - _PROBE)):
            file.seek(start)
            digest.update(file.read(_PROBE))
    return size, digest.digest()
