"""What a checkpoint will say once it is deployed, before it is exported.

Images are letterboxed to the full square and decoded by the edge's own code; only the forward pass is the
checkpoint's, to which the gate holds the export. Ultralytics' ``val()``, which `evaluate` equals, pads images by up to
a stride more, and that can move a confidence across a threshold.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from yolo_tl.boxes import Detections
from yolo_tl.data.dataset import Dataset
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import read_image
from yolo_tl.edge.network import Head
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.engine.network import CheckpointNetwork
from yolo_tl.evaluation.inspection.units import LOWEST
from yolo_tl.evaluation.looking import predictions_of
from yolo_tl.evaluation.predictions import Predictions

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
    names, model = tuple(module.names.values()), str(getattr(module, "pt_path", ""))
    pipeline = Pipeline(CheckpointNetwork(Path(model), module, head=head, imgsz=imgsz))
    every_class = replace(JUDGED, by_class=tuple((number, LOWEST) for number in range(len(names))))

    def look(path: Path) -> tuple[Detections, tuple[int, int]]:
        image = read_image(path)
        (found,) = pipeline([image], thresholds=every_class)
        assert isinstance(found, Detections)  # the task is not to classify
        return found, (image.shape[0], image.shape[1])

    return predictions_of(look, dataset, split, names=names, model=model)
