"""A look at a data set: some of its images with their labels, and how classes and sizes are spread."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.image_size import image_size
from yolo_tl.data.pictures.pixels import Image, read_pixels
from yolo_tl.data.split import SPLITS
from yolo_tl.data.stratify import SIZE_EDGES
from yolo_tl.data.yolo.labelled import LabelledImage, LabelledSet, box_of, read_labelled
from yolo_tl.errors import ConfigError, DataNotFound, ImageError, UsageError
from yolo_tl.files import write_bytes, write_text

SIZES = ("small", "medium", "large")
_COUNTS = {".html": 120, ".png": 12, ".jpg": 12}  # images shown, by what is written


@dataclass(frozen=True)
class PreviewReport:
    """What was written.

    Attributes:
        out: the file.
        shown: images in it.
        images: images that could have been, by split.
        objects: their objects, by class.
        sizes: their objects by COCO's size of their box.
        unreadable: images that cannot be decoded.
    """

    out: Path
    shown: int
    images: dict[str, int]
    objects: dict[str, int]
    sizes: dict[str, int]
    unreadable: int

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {**asdict(self), "out": str(self.out)}


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


def preview(
    data: Path | str,
    out: Path | str,
    *,
    count: int | None = None,
    split: str | None = None,
    classes: Sequence[str] = (),
    seed: int = 0,
) -> PreviewReport:
    """Draw images of a data set with their labels: a sheet (.png, .jpg), or a page with filters (.html).

    Boxes, oriented boxes, polygons and keypoints are drawn as the label files have them, on the
    upright image. Every class is shown if `count` allows; the images are drawn by `seed`. The page
    holds everything it needs and asks for nothing from anywhere.

    Args:
        data: a data.yaml or the folder that holds it.
        out: the file to write.
        count: images shown; 12 on a sheet, 120 on a page by default.
        split: only images of this split.
        classes: only images with one of these classes.
        seed: of the choice.

    Raises:
        DataNotFound: the data set does not exist, or no image is asked for.
        ParseError: the data.yaml or a label file is malformed.
        UsageError: the suffix of `out`, a split or a class is unknown.
        WriteError: the file could not be written.
    """
    out = Path(out)
    if out.suffix.lower() not in _COUNTS:
        raise UsageError(f"{out}: expected a name that ends in {', '.join(_COUNTS)}")
    if count is not None and count < 1:
        raise ConfigError(f"count: expected 1 or more, found {count}")
    labelled = read_labelled(data)
    chosen = _asked_for(labelled, split, classes)
    shown = _sample(chosen, labelled.names, count or _COUNTS[out.suffix.lower()], seed)
    overview = _overview(labelled, chosen, shown)
    if out.suffix.lower() == ".html":
        from yolo_tl.data.pictures.preview_page import page

        write_text(out, page(overview))
    else:
        from yolo_tl.data.pictures.sheet import sheet

        write_bytes(out, _encoded(sheet(overview), out.suffix.lower()))
    counts = {name: sum(row.values()) for name, row in overview.objects.items()}
    return PreviewReport(out, len(shown), overview.splits, counts, overview.sizes, overview.unreadable)


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


def _asked_for(labelled: LabelledSet, split: str | None, classes: Sequence[str]) -> tuple[LabelledImage, ...]:
    if split is not None and split not in labelled.yaml.images:
        raise UsageError(f"no split is called {split!r}", hint=f"there are: {', '.join(labelled.yaml.images)}")
    if unknown := [name for name in classes if name not in labelled.names]:
        raise UsageError(f"no class is called {unknown[0]!r}", hint=f"there are: {', '.join(labelled.names)}")
    found = tuple(
        image
        for image in labelled.images
        if split in (None, image.split) and (not classes or any(item.name in classes for item in image.objects))
    )
    if not found:
        raise DataNotFound(f"{labelled.yaml.file}: no image has {', '.join(classes)}")
    return found


def _sample(images: Sequence[LabelledImage], names: Sequence[str], count: int, seed: int) -> tuple[LabelledImage, ...]:
    """`count` images by lot, but first one of each class, the rarest classes first; in their old order."""
    order = list(range(len(images)))
    random.Random(seed).shuffle(order)
    holders: dict[str, list[int]] = {name: [] for name in names}
    for i in order:
        for name in {item.name for item in images[i].objects}:
            holders[name].append(i)
    taken: dict[int, None] = {}
    for found in sorted(holders.values(), key=len):
        if found and not taken.keys() & set(found):
            taken[found[0]] = None
    taken.update(dict.fromkeys(order))
    return tuple(images[i] for i in sorted(list(taken)[:count]))


def _overview(labelled: LabelledSet, images: tuple[LabelledImage, ...], shown: tuple[LabelledImage, ...]) -> Overview:
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


def _encoded(picture: Image, suffix: str) -> bytes:
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, 90] if suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 6]
    content: bytes = cv2.imencode(suffix, picture, options)[1].tobytes()
    return content
