"""What a checkpoint will say once it is deployed, before it is exported.

Images are letterboxed to the full square and decoded by the edge's own code; only the forward pass is the
checkpoint's, to which the gate holds the export. Ultralytics' ``val()``, which `evaluate` equals, pads images by up to
a stride more, and that can move a confidence across a threshold.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from yolo_tl.boxes import Detections, xywh_to_xyxy
from yolo_tl.data.dataset import Dataset
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import read_image
from yolo_tl.edge.network import Head
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.engine.network import CheckpointNetwork
from yolo_tl.errors import DataError
from yolo_tl.evaluation.inspection.units import LOWEST
from yolo_tl.evaluation.predictions import Predictions
from yolo_tl.evaluation.records import ImageResult

JUDGED = Thresholds(LOWEST)
"""The confidence from which detections are looked at, and the NMS they went through."""


def rehearse(module: Any, *, dataset: Dataset, split: str, imgsz: int, head: Head) -> Predictions:
    """The detections of every image of a split, down to the lowest confidence, beside its labels.

    Args:
        module: the loaded network; it is not changed.
        dataset: the data set; its class names must be the network's.
        split: name of the split.
        imgsz: side of the square input, px.
        head: ``raw`` or ``nms-free``.

    Returns:
        Boxes in px of the original images.

    Raises:
        DataError: the split does not exist, or the classes differ.
        ImageError: an image cannot be read.
    """
    if (names := tuple(module.names.values())) != tuple(dataset.names):
        raise DataError(
            f"{dataset.data}: its classes {list(dataset.names)} are not those of the model, {list(names)}",
            hint="use a data set with the same classes in the same order",
        )
    chosen, model = dataset.split(split), str(getattr(module, "pt_path", ""))
    pipeline = Pipeline(CheckpointNetwork(Path(model), module, head=head, imgsz=imgsz))
    every_class = replace(JUDGED, by_class=tuple((number, LOWEST) for number in range(len(names))))
    results = []
    for i, path in enumerate(chosen.images):
        image = read_image(path)
        height, width = image.shape[:2]
        (found,) = pipeline([image], thresholds=every_class)
        assert isinstance(found, Detections)  # the task is not to classify
        mine = chosen.image_index == i
        truths = xywh_to_xyxy(chosen.boxes[mine] * np.array([width, height, width, height]))
        results.append(ImageResult(str(path), found, truths.astype(np.float32), chosen.class_ids[mine]))
    return Predictions(tuple(results), names, split, model=model, data=str(dataset.data))
