"""A checkpoint as a detector, with the interface of `yolo_tl.edge.Detector`."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.device import find_device
from yolo_tl.engine.hermetic import ultralytics


class CheckpointDetector:
    """Runs a ``.pt`` through Ultralytics, letterboxed to a full square as a fixed-size export is.

    Args:
        path: the checkpoint.
        imgsz: side of the square input, px; as trained by default.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index.
        head: ``one-to-many``, ``nms-free``, or ``auto`` for the one the checkpoint was selected on.
        trust: load a checkpoint that asks for foreign classes.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        imgsz: int | None = None,
        device: str = "auto",
        head: str = "auto",
        trust: bool = False,
    ) -> None:
        ultralytics()
        from ultralytics.models.yolo.detect import DetectionPredictor

        module = load_checkpoint(path, trust=trust)
        self.names = tuple(module.names.values())
        self.confidence, self.iou, self.max_det = 0.25, 0.7, 300
        size = imgsz or trained_size(module)
        self.imgsz = (size, size)
        arguments = {
            "task": "detect",
            "mode": "predict",
            "imgsz": size,
            "device": find_device(device).id,
            "rect": False,
            "nms": False if (selected_head(module) if head == "auto" else head) == "nms-free" else None,
            "save": False,
            "verbose": False,
            "conf": self.confidence,
        }
        self._predictor: Any = DetectionPredictor(overrides=arguments)
        self._predictor.setup_model(model=deepcopy(module), verbose=False)

    def __call__(
        self,
        image: NDArray[np.uint8],
        *,
        confidence: float | None = None,
        iou: float | None = None,
        max_det: int | None = None,
        classes: Sequence[int] | None = None,
    ) -> Detections:
        """Detections in one BGR image (H, W, 3)."""
        return self.predict([image], confidence=confidence, iou=iou, max_det=max_det, classes=classes)[0]

    def predict(
        self,
        images: Sequence[NDArray[np.uint8]],
        *,
        confidence: float | None = None,
        iou: float | None = None,
        max_det: int | None = None,
        classes: Sequence[int] | None = None,
    ) -> list[Detections]:
        """Detections in each of several BGR images (H, W, 3)."""
        arguments = self._predictor.args
        arguments.conf = self.confidence if confidence is None else confidence
        arguments.iou = self.iou if iou is None else iou
        arguments.max_det = self.max_det if max_det is None else max_det
        arguments.classes = None if classes is None else list(classes)
        return [Detections.from_ultralytics(result) for result in self._predictor(source=list(images))]


def trained_size(module: Any, default: int = 640) -> int:
    """The input side a network was trained at, px, as its checkpoint says."""
    size = module.args.get("imgsz", default) if isinstance(module.args, dict) else default
    return int(max(size) if isinstance(size, list | tuple) else size)


def selected_head(module: Any) -> str:
    """The head its checkpoint was selected on: ``nms-free`` or ``one-to-many``."""
    nms = module.args.get("nms") if isinstance(module.args, dict) else None
    two_headed = getattr(module.model[-1], "one2one_cv2", None) is not None
    return "nms-free" if nms is False and two_headed else "one-to-many"
