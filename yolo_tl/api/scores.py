"""Scoring checkpoints."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.data import read_dataset
from yolo_tl.data.dataset import Dataset
from yolo_tl.errors import DataError
from yolo_tl.evaluation import Intervals, Metrics, Predictions, bootstrap
from yolo_tl.evaluation import evaluate as score
from yolo_tl.evaluation.predictions import SUFFIX
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
        model: a checkpoint, a run folder (its ``best.pt``), or predictions that were kept (``.npz``).
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
    found = predictions_of(model, data, split=split, imgsz=imgsz, batch=batch, device=device, head=head, trust=trust)
    return of_predictions(found, resamples=resamples, seed=seed)


def predictions_of(
    model: PathLike,
    data: PathLike,
    *,
    split: str = "val",
    imgsz: int | None = None,
    batch: int = 16,
    device: str = "auto",
    head: str = "auto",
    trust: bool = False,
) -> Predictions:
    """What a model says about a split; the arguments are those of `evaluate`.

    Raises:
        DataError: kept predictions are of other images than the split has, or of other classes.
    """
    from yolo_tl.engine.checkpoint import load_checkpoint
    from yolo_tl.engine.detector import selected_head, trained_size
    from yolo_tl.engine.device import find_device
    from yolo_tl.engine.validation import validate
    from yolo_tl.engine.weights import find_weights

    dataset = read_dataset(Path(data))
    if Path(model).suffix == SUFFIX:
        return _kept(Path(model), dataset, split)
    if (Path(model) / "run.yaml").is_file():
        model = Path(model) / "weights" / "best.pt"
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
    return Predictions(tuple(results), dataset.names, split, model=os.fspath(model), data=str(dataset.data))


def of_predictions(predictions: Predictions, **options: int) -> Evaluation:
    """Metrics and, where there is something to resample, their intervals."""
    results, names = predictions.results, predictions.names
    metrics = score(results, names)
    measurable = metrics.images > 1 and metrics.instances > 0
    return Evaluation(predictions.split, metrics, bootstrap(results, names, **options) if measurable else None)


def _kept(path: Path, dataset: Dataset, split: str) -> Predictions:
    """Predictions that were kept, if they are of this split."""
    found = Predictions.read(path)
    if found.names != tuple(dataset.names):
        raise DataError(f"{path}: expected the classes {list(dataset.names)}, found {list(found.names)}")
    wanted = {os.path.realpath(image) for image in dataset.split(split).images}
    said = {os.path.realpath(result.image) for result in found.results}
    if other := wanted ^ said:
        raise DataError(
            f"{path}: expected predictions for the {len(wanted)} images of {split} in {dataset.data}, "
            f"found {len(other)} in only one of them, such as {min(other)}",
            hint=f"these are of {found.split} in {found.data}; predict again with the checkpoint",
        )
    return found
