"""What a data set holds, file by file, so that a change can be named later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from yolo_tl.data.dataset import Dataset
from yolo_tl.errors import ImageError
from yolo_tl.files import sha256

_SHOWN = 3  # names in one description


def contents(dataset: Dataset) -> dict[str, str]:
    """``split/image`` → SHA-256 of the image file and of its label file; ``names`` → the class names.

    Raises:
        ImageError: an image is missing.
    """
    found = {"names": ",".join(dataset.names)}
    for split in dataset.splits.values():
        for image, label in zip(split.images, split.labels, strict=True):
            try:
                digest = hashlib.sha256(sha256(image).encode())
            except OSError as error:
                raise ImageError(f"{image}: the image cannot be read: {error.strerror}") from error
            digest.update(label.read_bytes() if label.is_file() else b"")
            key = f"{split.name}/{image.name}"
            while key in found:  # equal names from different folders
                key += "'"
            found[key] = digest.hexdigest()
    return found


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What is different, a phrase for each kind of change; empty if nothing is.

    >>> changes({"train/a.png": "1", "val/b.png": "2"}, {"train/a.png": "3"})
    ['1 images removed (val/b.png)', '1 images or their labels changed (train/a.png)']
    """
    kinds = {
        "images added": [key for key in after if key not in before],
        "images removed": [key for key in before if key not in after],
        "images or their labels changed": [k for k in after if k != "names" and before.get(k, after[k]) != after[k]],
    }
    found = [f"{len(keys)} {kind} ({_some(keys)})" for kind, keys in kinds.items() if keys]
    if before.get("names") != after.get("names"):
        found.append(f"classes were {before.get('names')}, now {after.get('names')}")
    return found


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (", …" if len(keys) > _SHOWN else "")
