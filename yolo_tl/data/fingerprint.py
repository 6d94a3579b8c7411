"""A name for the content of a data set: the same images and labels give the same one anywhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from yolo_tl.data.dataset import Dataset
from yolo_tl.files import sha256


def fingerprint(dataset: Dataset) -> str:
    """SHA-256, in hexadecimal, of class names and of every image and label by split and name.

    It depends on content, names and splits; not on where the folder lies, on the order of
    files, on links, or on times. A missing label file counts as an empty one.
    """
    entries = [
        (split.name, _name(image, dataset.root), sha256(image), _label_digest(label))
        for split in dataset.splits.values()
        for image, label in zip(split.images, split.labels, strict=True)
    ]
    content = json.dumps([dataset.names, sorted(entries)], ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _label_digest(path: Path) -> str:
    return sha256(path) if path.is_file() else hashlib.sha256(b"").hexdigest()


def _name(image: Path, root: Path) -> str:
    return image.relative_to(root).as_posix() if image.is_relative_to(root) else image.name
