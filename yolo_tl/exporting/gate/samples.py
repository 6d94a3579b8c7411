"""The images that artifacts are compared on, and what is true of them, where anybody says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.data.split import SPLITS
from yolo_tl.data.tree import Tree
from yolo_tl.data.yolo.labelled import LabelledImage, box_of, read_labelled
from yolo_tl.errors import DataNotFound, UsageError

_ORDER = ("val", "test", "train")
"""Which split is taken where none is named."""

_YAML = (".yaml", ".yml")


@dataclass(frozen=True, eq=False)
class Sample:
    """One image.

    Attributes:
        image: the file.
        names: class names of its M objects; of the one class it shows, to classify; None where nobody says.
        boxes: (M, 4) corners as shares of the image's sides; of other shapes their extent. None to classify.
    """

    image: Path
    names: tuple[str, ...] | None = None
    boxes: NDArray[np.float64] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Samples:
    """The images of a comparison.

    Attributes:
        data: where they are from.
        root: the folder that names of images start from.
        split: the split; empty where there is none.
        images: them.
        unlabelled: why nothing is known of what they show; empty where it is.
    """

    data: Path
    root: Path
    split: str
    images: tuple[Sample, ...]
    unlabelled: str = ""


def choose_samples(
    data: Path, *, task: str, names: Sequence[str], split: str | None = None, count: int | None = None
) -> Samples:
    """Images spread evenly over a split, or over a folder.

    Args:
        data: a ``data.yaml`` or the folder that holds one; to classify, a folder ``<split>/<class>/<image>`` or
            ``<class>/<image>``; or any image, or folder of images, of which nothing is known to be true.
        task: what the models do.
        names: the classes they know.
        split: ``val``, ``test`` or ``train``; by default the first of these that there is.
        count: how many at most; None for all.

    Raises:
        DataNotFound: there is nothing, no such split, or no image in it.
        ParseError: a ``data.yaml`` or label file is malformed.
        UsageError: a split of a folder that has none.
    """
    if not data.exists():
        raise DataNotFound(f"{data}: no such file or folder", hint="check the path")
    if data.suffix.lower() in _YAML or (data.is_dir() and any(path.suffix in _YAML for path in data.iterdir())):
        found = _of_dataset(data, split)
    elif task == "classify" and data.is_dir():
        found = _of_classes(data, frozenset(names), split)
    else:
        found = _of_folder(data, split)
    if not found.images:
        raise DataNotFound(f"{data}: expected images{f' in {found.split}' * bool(found.split)}, found none")
    chosen = spread(len(found.images), count)
    return Samples(found.data, found.root, found.split, tuple(found.images[i] for i in chosen), found.unlabelled)


def spread(total: int, count: int | None) -> list[int]:
    """At most `count` places of `total`, evenly spread.

    >>> spread(10, 4)
    [0, 3, 6, 9]
    """
    most = total if count is None else min(count, total)
    places: list[int] = np.unique(np.linspace(0, total - 1, most).round().astype(int)).tolist()
    return places


def _of_dataset(data: Path, split: str | None) -> Samples:
    labelled = read_labelled(data)
    here = [name for name in _ORDER if name in labelled.yaml.images]
    if split is not None and split not in here:
        raise DataNotFound(f"{labelled.yaml.file}: has no split {split!r}, only {', '.join(here)}")
    chosen = split or here[0]
    images = labelled.of(chosen).images
    known = any(image.labels.is_file() for image in images)
    samples = tuple(_labelled(image) if known else Sample(image.path) for image in images)
    reason = "" if known else f"{chosen} of {labelled.yaml.file.name} has no label files"
    return Samples(labelled.yaml.file, labelled.yaml.root, chosen, samples, reason)


def _labelled(image: LabelledImage) -> Sample:
    boxes = np.array([box_of(item) for item in image.objects], np.float64).reshape(-1, 4)
    return Sample(image.path, tuple(item.name for item in image.objects), boxes)


def _of_classes(data: Path, names: frozenset[str], split: str | None) -> Samples:
    here = [name for name in _ORDER if (data / name).is_dir()]
    if split is not None and split not in here:
        raise DataNotFound(f"{data}: has no split {split!r}, only {', '.join(here) or 'none'}")
    chosen = split or (here[0] if here else "")
    root = data / chosen
    images = Tree(root).images
    of_each = [path.relative_to(root).parts[0] for path in images]
    if images and set(of_each) <= names:
        samples = tuple(Sample(path, (name,)) for path, name in zip(images, of_each, strict=True))
        return Samples(data, data, chosen, samples)
    reason = f"{root} is not a folder for each class of the model"
    return Samples(data, data, chosen, tuple(Sample(path) for path in images), reason)


def _of_folder(data: Path, split: str | None) -> Samples:
    if split is not None:
        raise UsageError(
            f"{data}: expected no split of a folder without data.yaml, found {split!r}",
            hint=f"name the folder of the images, or a data.yaml for {', '.join(SPLITS)}",
        )
    images = [data] if data.is_file() and data.suffix.lower() in IMAGE_SUFFIXES else Tree(data).images
    return Samples(
        data, data if data.is_dir() else data.parent, "", tuple(map(Sample, images)), f"{data} has no data.yaml"
    )
