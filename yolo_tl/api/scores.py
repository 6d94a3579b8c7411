"""Scoring checkpoints."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.data import read_dataset
from yolo_tl.evaluation import ImageResult, Intervals, Metrics, bootstrap
from yolo_tl.evaluation import evaluate as score
from yolo_tl.files import PathLike


@dataclass(frozen=True)
class Evaluation:
    """Scores of one model on one split.

    Attributes:
        split: the split that was scored.
        metrics: mAP, precision, recall, by class and overall.
        intervals: 95 % bootstrap intervals over images; None with fewer than two images or no object.
    """

    split: str
    metrics: Metrics
    intervals: Intervals | None

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``ci95`` is the interval of ``map50_95``, and for a class that of its ``ap50_95``."""
        plain = {**self.metrics.to_json(), "ci95": None, "split": self.split}
        if self.intervals is not None:
            plain["ci95"] = [self.intervals.map50_95.low, self.intervals.map50_95.high]
            for name, found in self.intervals.ap50_95.items():
                plain["per_class"][name]["ci95"] = [found.low, found.high]
        return plain


def evaluate(
    model: PathLike,
    data: PathLike,
    *,
    split: str = "val",
    imgsz: int | None = None,
    batch: int = 16,
    device: str = "auto",
    head: str = "auto",
    resamples: int = 1000,
    seed: int = 0,
    trust: bool = False,
) -> Evaluation:
    """Score a checkpoint on a split, as Ultralytics' ``val()`` does, with bootstrap intervals over images.

    Args:
        model: a checkpoint.
        data: a ``data.yaml`` or the folder that holds it.
        split: ``val``, ``test`` or ``train``.
        imgsz: side of the square input, px; as trained by default.
        batch: images per forward pass.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index.
        head: ``one-to-many``, ``nms-free``, or ``auto`` for the one the checkpoint was selected on.
        resamples: bootstrap resamples.
        seed: seed of the bootstrap.
        trust: load a checkpoint that asks for foreign classes.
    """
    from yolo_tl.engine.checkpoint import load_checkpoint
    from yolo_tl.engine.detector import selected_head, trained_size
    from yolo_tl.engine.device import find_device
    from yolo_tl.engine.validation import validate
    from yolo_tl.engine.weights import find_weights

    dataset = read_dataset(Path(data))
    module = load_checkpoint(find_weights(os.fspath(model)), trust=trust)
    results = validate(
        module,
        dataset=dataset,
        split=split,
        imgsz=imgsz or trained_size(module),
        batch=batch,
        device=find_device(device).id,
        head=selected_head(module) if head == "auto" else head,
    )
    return of_results(split, results, dataset.names, resamples=resamples, seed=seed)


def of_results(split: str, results: list[ImageResult], names: tuple[str, ...], **options: int) -> Evaluation:
    """Metrics and, where there is something to resample, their intervals."""
    metrics = score(results, names)
    measurable = metrics.images > 1 and metrics.instances > 0
    return Evaluation(split, metrics, bootstrap(results, names, **options) if measurable else None)
