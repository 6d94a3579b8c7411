"""A data set with fewer labelled images: some of train, and all of val and test.

The images of one seed are nested: the 5 are among the 10, the 10 among the 25. So a step from one size to the next adds
images and changes nothing else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from yolo_tl.data import read_dataset
from yolo_tl.data.subsets import write_subset


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
    write_subset(dataset, out, drawn)
    return [image.name for image in drawn]
