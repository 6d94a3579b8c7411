"""Checkpoints made into one on a data set: averaged, BatchNorm measured anew, saved, and scored beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.data.dataset import Dataset
from yolo_tl.engine.averaging import average, interpolate
from yolo_tl.engine.batchnorm import differing, image_batches, reestimate
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.detector import selected_head, trained_size
from yolo_tl.engine.saving import save_checkpoint
from yolo_tl.engine.validation import validate
from yolo_tl.evaluation import Metrics, PairedDifference, evaluate, paired_difference


@dataclass(frozen=True)
class AverageResult:
    """An averaged checkpoint, and how it scores on val among those it was made of.

    Attributes:
        weights: the checkpoint.
        metrics: scores of the average, as it was saved.
        ingredients: path and scores of each network that went in, in order.
        best: path of the one with the highest mAP50-95.
        difference: average minus that one, on the same images; None where there is too little to resample.
        batchnorms: BatchNorm layers that were measured anew.
    """

    weights: Path
    metrics: Metrics
    ingredients: tuple[tuple[Path, Metrics], ...]
    best: Path
    difference: PairedDifference | None
    batchnorms: int

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {
            "weights": str(self.weights),
            "metrics": self.metrics.to_json(),
            "ingredients": [{"weights": str(path), "metrics": m.to_json()} for path, m in self.ingredients],
            "best_ingredient": str(self.best),
            "difference": None if self.difference is None else self.difference.to_json(),
            "batchnorms": self.batchnorms,
        }


def merge(
    paths: Sequence[Path],
    out: Path,
    *,
    dataset: Dataset,
    start: float | None = None,
    bn: bool = True,
    imgsz: int | None = None,
    batch: int = 16,
    device: str = "cpu",
    trust: bool = False,
) -> AverageResult:
    """Write the average of checkpoints, and score it and them on val.

    Everything is scored at the image size and with the head of the average, which are those of the last checkpoint.
    BatchNorm is measured on the training images, and only where the checkpoints differ in it: where they do not, it
    was frozen.

    Args:
        paths: the checkpoints.
        out: the ``.pt`` file to write.
        dataset: the data set they were trained on.
        start: of two, mix this share of the first into the second, instead of equal shares.
        bn: measure BatchNorm anew.
        imgsz: side of the square input, px; as trained by default.
        batch: images per forward pass.
        device: ``cpu`` or a CUDA index.
        trust: load checkpoints that ask for foreign classes.

    Raises:
        ModelError: the networks are not alike.
        DataError: the data set has other classes, lacks a split, or an image of it cannot be used.
        WriteError: the checkpoint could not be written.
    """
    modules = [load_checkpoint(path, trust=trust) for path in paths]
    made = average(modules) if start is None else interpolate(modules[0], modules[1], 1 - start)
    size, head = imgsz or trained_size(made), selected_head(made)

    def on_val(module: Any) -> Any:
        return validate(module, dataset=dataset, split="val", imgsz=size, batch=batch, device=device, head=head)

    results = [on_val(module) for module in modules]
    measured = 0
    if bn:
        images = image_batches(dataset.split("train").images, imgsz=size, batch=batch)
        measured = reestimate(made, images, layers=differing(modules), device=device)
    save_checkpoint(made, out, train_args=made.args)
    own = on_val(load_checkpoint(out, trust=trust))
    metrics, *others = (evaluate(found, dataset.names) for found in (own, *results))
    best = max(range(len(paths)), key=lambda i: others[i].map50_95)
    measurable = metrics.images > 1 and metrics.instances > 0
    return AverageResult(
        weights=out,
        metrics=metrics,
        ingredients=tuple(zip(paths, others, strict=True)),
        best=paths[best],
        difference=paired_difference(own, results[best], dataset.names) if measurable else None,
        batchnorms=measured,
    )
