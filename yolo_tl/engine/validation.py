"""Running a checkpoint over a split of a data set."""

from __future__ import annotations

import tempfile
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from yolo_tl.data.dataset import Dataset
from yolo_tl.engine.hermetic import log_to, ultralytics
from yolo_tl.engine.view import view_of
from yolo_tl.errors import DataError
from yolo_tl.evaluation.records import ImageResult


def validate(
    module: Any, *, dataset: Dataset, split: str, imgsz: int, batch: int, device: str, head: str, iou: float = 0.7
) -> list[ImageResult]:
    """Predictions and truths of every image of a split, as Ultralytics' ``val()`` makes and matches them.

    Args:
        module: the loaded network; it is not changed.
        dataset: the data set; its class names must be the network's.
        split: ``val``, ``test`` or ``train``.
        imgsz: side of the square input, px.
        batch: images per forward pass.
        device: ``cpu`` or a CUDA index.
        head: ``one-to-many`` (with NMS) or ``nms-free``.
        iou: NMS IoU.

    Returns:
        One result an image, in the data set's order; boxes in px of the letterboxed input.

    Raises:
        DataError: the split does not exist, the classes differ, or an image cannot be used.
    """
    ultralytics()
    from yolo_tl.engine.validator import RecordingValidator

    dataset.split(split)
    names = tuple(module.names.values()) if isinstance(module.names, dict) else tuple(module.names)
    if names != tuple(dataset.names):
        raise DataError(
            f"{dataset.data}: its classes {list(dataset.names)} are not those of the model, {list(names)}",
            hint="evaluate on a data set with the same classes in the same order",
        )
    with tempfile.TemporaryDirectory(prefix="yolo_tl-val-") as folder, view_of(dataset, [split]) as view:
        arguments = {
            "task": "detect",
            "mode": "val",
            "model": str(getattr(module, "pt_path", "")) or "model.pt",
            "data": str(view.yaml),
            "split": split,
            "imgsz": imgsz,
            "batch": batch,
            "device": device,
            "nms": False if head == "nms-free" else None,
            "iou": iou,
            "plots": False,
            "verbose": False,
            "rect": True,
            "workers": 0,
        }
        with log_to(Path(folder) / "engine.log"):
            validator = RecordingValidator(args=arguments, save_dir=Path(folder))
            validator(model=deepcopy(module))
        view.require_all(validator.dataloader.dataset.im_files, view.yaml.parent / "images" / split)
        order = {linked: number for number, linked in enumerate(view.sources)}
        results = sorted(validator.results, key=lambda result: order[result.image])
        return [replace(result, image=str(view.sources[result.image])) for result in results]
