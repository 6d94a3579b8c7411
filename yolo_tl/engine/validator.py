"""The Ultralytics validator, keeping each image's predictions and truths for our own statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.evaluation.records import ImageResult

ultralytics()

from ultralytics.models.yolo.detect import DetectionValidator  # noqa: E402


class RecordingValidator(DetectionValidator):
    """Validates as its parent does, and keeps `results` of the latest pass.

    Boxes are in px of the letterboxed network input, the frame in which Ultralytics matches.
    """

    results: list[ImageResult]

    def init_metrics(self, model: Any) -> None:
        """Start a pass with nothing recorded."""
        super().init_metrics(model)
        self.results = []

    def update_metrics(self, preds: list[dict[str, Any]], batch: dict[str, Any]) -> None:
        """Record a batch, then hand it to the parent."""
        for i, pred in enumerate(preds):
            truth = self._prepare_batch(i, batch)
            self.results.append(
                ImageResult(
                    image=truth["im_file"],
                    detections=Detections(
                        pred["bboxes"].float().cpu().numpy(),
                        pred["conf"].float().cpu().numpy(),
                        pred["cls"].cpu().numpy().astype(np.int64),
                    ),
                    truth_xyxy=truth["bboxes"].float().cpu().numpy().reshape(-1, 4),
                    truth_class=truth["cls"].cpu().numpy().astype(np.int64).reshape(-1),
                    ratio=float(truth["ratio_pad"][0][0]),
                    pad=(float(truth["ratio_pad"][1][0]), float(truth["ratio_pad"][1][1])),
                )
            )
        super().update_metrics(preds, batch)
