"""The facts of a data set that a plan needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class DataFacts:
    """Counts and sizes of a data set.

    Attributes:
        path: its ``data.yaml``, absolute.
        names: class names by index.
        images: split → number of images.
        instances: split → instances of each class, in class order.
        sides: (M, 2) width and height of every training box, as shares of the image's longer side.
        class_ids: (M,) class of every training box.
        image_index: (M,) its image.
    """

    path: str
    names: tuple[str, ...]
    images: Mapping[str, int]
    instances: Mapping[str, tuple[int, ...]]
    sides: NDArray[np.float64]
    class_ids: NDArray[np.int64]
    image_index: NDArray[np.int64]

    @classmethod
    def of(cls, dataset: Dataset) -> DataFacts:
        """From a data set that was read.

        Raises:
            DataNotFound: it has no train or no val split.
            ImageError: a training image cannot be decoded.
        """
        train = dataset.split("train")
        dataset.split("val")
        pixels = train.image_sizes[train.image_index]
        sides = train.box_sizes * pixels / pixels.max(1, keepdims=True) if len(pixels) else train.box_sizes
        return cls(
            path=str(dataset.data.resolve()),
            names=dataset.names,
            images={name: len(split) for name, split in dataset.splits.items()},
            instances={name: split.instances for name, split in dataset.splits.items()},
            sides=sides,
            class_ids=train.class_ids,
            image_index=train.image_index,
        )

    def to_json(self) -> dict[str, Any]:
        """Counts as a plain mapping."""
        return {
            "path": self.path,
            "names": list(self.names),
            "images": dict(self.images),
            "instances": {
                split: dict(zip(self.names, counts, strict=True)) for split, counts in self.instances.items()
            },
        }


@dataclass(frozen=True)
class DeviceFacts:
    """The device a run will use.

    Attributes:
        id: as Ultralytics names it: ``cpu`` or a CUDA index.
        name: for people.
        bf16: whether it computes in bfloat16.
        cores: processor cores this process may use.
        count: devices that train together.
        batch: most images of the planned size that fit its memory; None: not measured.
    """

    id: str
    name: str
    bf16: bool
    cores: int
    count: int = 1
    batch: int | None = None
