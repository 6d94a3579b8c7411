"""Anything that looks at images, on every image of a split, beside what is true there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from yolo_tl.boxes import Detections, xywh_to_xyxy
from yolo_tl.data.dataset import Dataset
from yolo_tl.errors import DataError
from yolo_tl.evaluation.predictions import Predictions
from yolo_tl.evaluation.records import ImageResult

Look = Callable[[Path], tuple[Detections, tuple[int, int]]]
"""An image file → what was found, in px of the upright image, and its height and width."""


def predictions_of(look: Look, dataset: Dataset, split: str, *, names: tuple[str, ...], model: str) -> Predictions:
    """What `look` says of each image of a split, beside its labels.

    Args:
        look: what looks at the images.
        dataset: the data set.
        split: name of the split.
        names: the classes that `look` knows, in order of class number.
        model: the model, for people.

    Returns:
        Boxes in px of the original images.

    Raises:
        DataError: the split does not exist, or the classes differ.
    """
    if tuple(names) != tuple(dataset.names):
        raise DataError(
            f"{dataset.data}: its classes {list(dataset.names)} are not those of the model, {list(names)}",
            hint="use a data set with the same classes in the same order",
        )
    chosen, results = dataset.split(split), []
    for i, path in enumerate(chosen.images):
        found, (height, width) = look(path)
        mine = chosen.image_index == i
        truths = xywh_to_xyxy(chosen.boxes[mine] * np.array([width, height, width, height]))
        results.append(ImageResult(str(path), found, truths.astype(np.float32), chosen.class_ids[mine]))
    return Predictions(tuple(results), tuple(names), split, model=model, data=str(dataset.data))
