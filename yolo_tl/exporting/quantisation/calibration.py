"""The images that 8-bit ranges are measured on: few, from the train split, and showing all there is."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.image import read_image
from yolo_tl.edge.network import NetworkInfo, Task
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.errors import DataError
from yolo_tl.exporting.gate.samples import Sample, choose_samples
from yolo_tl.files import sha256

_SIZES = 3  # equal parts that the boxes of a data set are sorted into by area

Feature = tuple[Any, ...]


@dataclass(frozen=True)
class Calibration:
    """Images by name and content.

    Attributes:
        root: the folder their names start from.
        images: paths relative to it, sorted.
        sha256: of each file.
        digest: one SHA-256 for all names and contents.
    """

    root: Path
    images: tuple[str, ...]
    sha256: tuple[str, ...]
    digest: str

    @classmethod
    def of(cls, root: Path, paths: Iterable[Path]) -> Calibration:
        """The files, which lie below `root` or are named by their whole path."""
        named = {(path.relative_to(root) if path.is_relative_to(root) else path).as_posix(): path for path in paths}
        images = tuple(sorted(named))
        hashes = tuple(sha256(named[image]) for image in images)
        lines = "".join(f"{value}  {image}\n" for value, image in zip(hashes, images, strict=True))
        return cls(root, images, hashes, hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest())

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(self.root / image for image in self.images)


def choose_calibration(data: Path, *, task: Task, names: Sequence[str], count: int, seed: int) -> Calibration:
    """Choose images of the train split, never of val or test, which are for judging the result.

    Every class, every class in every size (a third of all boxes each) and background are covered alike, what is rare
    first: a range that was measured without an object is too narrow for it.

    Args:
        data: a ``data.yaml``, the folder that holds one, or a folder of classes.
        task: what the network does.
        names: the classes it knows.
        count: how many images at most.
        seed: decides between images that are equally good.

    Raises:
        DataNotFound: there is no train split, or it is empty.
        DataError: its labels are missing, or show one class only where the data set has more.
    """
    found = choose_samples(data, task=task, names=names, split="train")
    shown = {name for sample in found.images for name in sample.names or ()}
    if found.unlabelled or not shown:
        raise DataError(
            f"{data}: expected labels in train to choose calibration images by, found none",
            hint="calibrate on the data set that the network was trained with",
        )
    if len(shown) == 1 and len(names) > 1:
        raise DataError(
            f"{data}: expected calibration images of {len(names)} classes, found only {shown.pop()!r} in train",
            hint="8-bit ranges would be too narrow for what they were not measured on; add images of other classes",
        )
    ordered = sorted(found.images, key=lambda sample: sample.image.as_posix())
    random.Random(seed).shuffle(ordered)
    chosen = cover(features_of(ordered), count)
    return Calibration.of(found.root, [ordered[i].image for i in chosen])


def features_of(samples: Sequence[Sample]) -> list[frozenset[Feature]]:
    """What each image shows: its classes, alone and with a size; or background."""
    areas = [
        np.zeros(0) if sample.boxes is None else np.prod(sample.boxes[:, 2:] - sample.boxes[:, :2], axis=1)
        for sample in samples
    ]
    edges = (
        np.quantile(np.concatenate([np.zeros(0), *areas]), np.arange(1, _SIZES) / _SIZES)
        if any(map(len, areas))
        else []
    )
    features = []
    for sample, area in zip(samples, areas, strict=True):
        classes = sample.names or ()
        sizes = zip(classes, np.searchsorted(edges, area).tolist(), strict=False)
        features.append(frozenset([*((name,) for name in classes), *sizes] or [("background",)]))
    return features


def cover(features: Sequence[frozenset[Feature]], count: int) -> list[int]:
    """Places of at most `count` images that cover all features as evenly as they come.

    Again and again the feature that was covered least, of these the rarest, gets an image: the one that shows most
    of what was covered little.
    """
    holders: dict[Feature, list[int]] = {}
    for place, shown in enumerate(features):
        for feature in shown:
            holders.setdefault(feature, []).append(place)
    taken = dict.fromkeys(holders, 0)
    chosen: dict[int, None] = {}
    while len(chosen) < min(count, len(features)):
        for feature in sorted(holders, key=lambda feature: (taken[feature], len(holders[feature]), str(feature))):
            if left := [i for i in holders[feature] if i not in chosen]:
                break
        # A plain sum of a set depends on its order, and so on the hashes of this process.
        best = max(left, key=lambda i: (math.fsum(1 / (1 + taken[f]) for f in features[i]), -i))
        chosen[best] = None
        for feature in features[best]:
            taken[feature] += 1
    return list(chosen)


def tensors_of(images: Sequence[Path], info: NetworkInfo) -> NDArray[np.float32]:
    """Images as a network takes them, each (3, height, width) of its whole input.

    Raises:
        ImageError: an image cannot be read.
    """
    return np.concatenate(list(_tensors(images, info)))


def _tensors(images: Sequence[Path], info: NetworkInfo) -> Iterator[NDArray[np.float32]]:
    prepare = Preprocess.of(info.task)
    for path in images:
        yield prepare([read_image(path)], info)[0]
