"""What a sheet or a page of a data set tells, and its small pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.image_size import image_size
from yolo_tl.data.pictures.pixels import Image, read_pixels
from yolo_tl.data.split import SPLITS
from yolo_tl.data.stratify import SIZE_EDGES
from yolo_tl.data.yolo.labelled import LabelledImage, LabelledSet, box_of
from yolo_tl.errors import ImageError

SIZES = ("small", "medium", "large")


@dataclass(frozen=True, eq=False)
class Overview:
    """What a sheet or a page shows.

    Attributes:
        title: name of the data set.
        names: class names by index.
        images: all images that were asked for.
        shown: those that are drawn.
        sides: (M,) square root of the area of each object's box, px; NaN where the image is unreadable.
        objects: number of objects of each class and split, ``{class: {split: count}}``.
        sizes: number of objects by size.
        unreadable: images that cannot be decoded.
    """

    title: str
    names: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    shown: tuple[LabelledImage, ...]
    sides: NDArray[np.float64]
    objects: dict[str, dict[str, int]]
    sizes: dict[str, int]
    unreadable: int

    @property
    def splits(self) -> dict[str, int]:
        """Images in each split there is."""
        found = Counter(image.split for image in self.images)
        return {split: found[split] for split in SPLITS if found[split]}

    @property
    def backgrounds(self) -> int:
        """Images without an object."""
        return sum(not image.objects for image in self.images)


def overview(labelled: LabelledSet, images: tuple[LabelledImage, ...], shown: tuple[LabelledImage, ...]) -> Overview:
    """Count the objects of `images` by class, split and size; image headers are read."""
    sides: list[float] = []
    objects: dict[str, dict[str, int]] = {name: {} for name in labelled.names}
    unreadable = 0
    for image in images:
        try:
            width, height = image_size(image.path)
        except ImageError:
            width = height = 0
            unreadable += 1
        for item in image.objects:
            row = objects[item.name]
            row[image.split] = row.get(image.split, 0) + 1
            x1, y1, x2, y2 = box_of(item)
            area = abs((x2 - x1) * width * (y2 - y1) * height)
            sides.append(area**0.5 if width else float("nan"))
    as_array = np.array(sides, np.float64)
    known = as_array[np.isfinite(as_array)] ** 2
    counts = np.bincount(np.searchsorted(SIZE_EDGES, known, side="right"), minlength=len(SIZES))
    folder = labelled.yaml.file.resolve().parent
    return Overview(
        title=folder.name if labelled.yaml.file.stem in ("data", "dataset") else labelled.yaml.file.stem,
        names=labelled.names,
        images=images,
        shown=shown,
        sides=as_array,
        objects=objects,
        sizes=dict(zip(SIZES, counts.tolist(), strict=True)),
        unreadable=unreadable,
    )


def thumbnail(path: Path, width: int, height: int) -> Image | None:
    """An upright image that fits into `width` and `height` px, or None if it cannot be decoded."""
    import cv2

    try:
        pixels = read_pixels(path)
    except ImageError:
        return None
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    small: Image = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return small
