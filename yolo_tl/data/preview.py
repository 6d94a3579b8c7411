"""A look at a data set: some of its images with their labels, and how classes and sizes are spread."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yolo_tl.data.pictures.overview import overview
from yolo_tl.data.pictures.pixels import Image
from yolo_tl.data.yolo.labelled import LabelledImage, LabelledSet, read_labelled
from yolo_tl.errors import ConfigError, DataNotFound, UsageError
from yolo_tl.files import write_bytes, write_text

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
    told = overview(labelled, chosen, shown)
    if out.suffix.lower() == ".html":
        from yolo_tl.data.pictures.preview_page import page

        write_text(out, page(told))
    else:
        from yolo_tl.data.pictures.sheet import sheet

        write_bytes(out, _encoded(sheet(told), out.suffix.lower()))
    counts = {name: sum(row.values()) for name, row in told.objects.items()}
    return PreviewReport(out, len(shown), told.splits, counts, told.sizes, told.unreadable)


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


def _encoded(picture: Image, suffix: str) -> bytes:
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, 90] if suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 6]
    content: bytes = cv2.imencode(suffix, picture, options)[1].tobytes()
    return content
