"""A data set with fewer labelled images: some of train, and all of val and test.

The images of one seed are nested: the 5 are among the 10, the 10 among the 25. So a step from one size to the next adds
images and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from yolo_tl.config import save
from yolo_tl.data import read_dataset


def label_subset(data: Path, out: Path, count: int, *, seed: int) -> list[str]:
    """Write a data.yaml into the new folder `out` that trains on `count` images of `data`, where they are.

    Args:
        data: the data set; it is not modified.
        out: the folder to make.
        count: images to train on.
        seed: of the order that images are drawn in.

    Returns:
        The file names of the images, in the order they were drawn.

    Raises:
        ValueError: train holds fewer images.
    """
    dataset = read_dataset(data)
    images = dataset.split("train").images
    if count > len(images):
        raise ValueError(f"{data}: expected {count} or more training images, found {len(images)}")
    drawn = [images[i] for i in np.random.default_rng(seed).permutation(len(images))[:count]]
    out.mkdir(parents=True)
    train = {"train": _list(out / "train.txt", sorted(drawn))}
    others = {
        name: _list(out / f"{name}.txt", split.images) for name, split in dataset.splits.items() if name != "train"
    }
    save(out / "data.yaml", {**train, **others, "names": dict(enumerate(dataset.names))})
    return [image.name for image in drawn]


def _list(file: Path, images: Iterable[Path]) -> str:
    """Write an image list; the name of the file, for the data.yaml."""
    # Not resolved: of a linked image, the labels lie beside the link.
    file.write_text("".join(f"{image.absolute()}\n" for image in images), encoding="utf-8")
    return file.name
