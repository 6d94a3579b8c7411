"""Scoring models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data import read_dataset
from yolo_tl.data.dataset import Dataset
from yolo_tl.errors import DataError, UsageError
from yolo_tl.evaluation import Intervals, Metrics, Predictions
from yolo_tl.evaluation import evaluate as score
from yolo_tl.evaluation.bootstrap import Resampling, detectable, intervals_of
from yolo_tl.evaluation.calibration import Calibration, calibration
from yolo_tl.evaluation.clusters import cluster_labels, count_units
from yolo_tl.evaluation.confusion import confusion
from yolo_tl.evaluation.held_out import require_held_out
from yolo_tl.evaluation.mistakes import Mistakes, mistakes
from yolo_tl.evaluation.operating import Operating, operating_point, thresholds_of
from yolo_tl.evaluation.predictions import SUFFIX
from yolo_tl.evaluation.ranking import rank
from yolo_tl.evaluation.sizes import ALL, COCO_BANDS, SizeMetrics, by_size, terciles
from yolo_tl.files import PathLike

if TYPE_CHECKING:
    from yolo_tl.edge.tiling import Tiling


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of one model on one split; what costs seconds is found when it is asked for.

    Attributes:
        predictions: what they rest on.
        metrics: mAP, precision, recall, by class and overall, as ``yolo val`` reports them.
        drawn: resamples of the images; None where there is nothing to resample.
        confidence: above which a detection counts at the operating point.
        groups: a label for each image, None for one that belongs to no other; None where nobody looked.
        trained_on: images of the split that are in train, too.
    """

    predictions: Predictions
    metrics: Metrics
    drawn: Resampling | None
    confidence: float
    groups: tuple[str | None, ...] | None = None
    trained_on: tuple[Path, ...] = ()

    @property
    def split(self) -> str:
        """The split that was scored."""
        return self.predictions.split

    @property
    def units(self) -> int:
        """Independent images, or groups of images that belong together."""
        return self.metrics.images if self.groups is None else count_units(self.groups)

    @property
    def without_interval(self) -> str | None:
        """Why there is no interval; None where there is one."""
        if self.drawn is not None:
            return None
        if not self.metrics.instances:
            return "no interval: nothing is labelled"
        what = "image says" if self.metrics.images < 2 else "group of images that belong together says"
        return f"no interval: one {what} nothing about the next"

    @property
    def not_measurable(self) -> tuple[str, ...]:
        """Classes that no image of the split shows: they have no score, not a score of zero."""
        shown = {entry.name for entry in self.metrics.per_class}
        return tuple(name for name in self.predictions.names if name not in shown)

    @cached_property
    def intervals(self) -> Intervals | None:
        """95 % bootstrap intervals over images, or groups; None where there are fewer than two, or no object."""
        if self.drawn is None:
            return None
        return intervals_of(rank(self.predictions.results, self.predictions.names), self.predictions.names, self.drawn)

    @cached_property
    def sizes(self) -> tuple[SizeMetrics, ...]:
        """By COCO's sizes, and ``all``, which has COCO's AP and AP50."""
        return by_size(self.predictions.results, self.predictions.names, (*COCO_BANDS, ALL), self.drawn)

    @cached_property
    def terciles(self) -> tuple[SizeMetrics, ...]:
        """By thirds of the sizes in this split."""
        results = self.predictions.results
        return by_size(results, self.predictions.names, terciles(results), self.drawn)

    @cached_property
    def operating(self) -> Operating:
        """Precision, recall and F1 at `confidence`."""
        return operating_point(self.predictions.results, self.predictions.names, self.confidence, self.drawn)

    @cached_property
    def calibration(self) -> Calibration:
        """How far confidence is from precision."""
        return calibration(self.predictions.results, self.drawn)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Counts (C + 1, C + 1) at `confidence`, by detected (row) and true class (column), background last."""
        return confusion(self.predictions.results, self.predictions.names, self.confidence)

    @cached_property
    def mistakes(self) -> Mistakes:
        """Errors above `confidence` by kind, and what each kind costs."""
        return mistakes(self.predictions.results, self.predictions.names, confidence=self.confidence)

    @property
    def detectable(self) -> float | None:
        """The difference in mAP50-95 to another model that these images can show; see `bootstrap.detectable`."""
        return None if self.intervals is None else detectable(self.intervals)

    def describe(self) -> str:
        """What these images can show, in a sentence; empty where there is no interval."""
        if self.detectable is None:
            return ""
        these = f"these {self.metrics.images} images"
        if self.units < self.metrics.images:
            these += f" ({self.units} that are independent)"
        return (
            f"With {these} you can see differences of mAP50-95 above {self.detectable:.3f} to another model, "
            "if their scores correlate by 0.5; `compare` measures it."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``ci95`` is the interval of ``map50_95``, and for a class that of its ``ap50_95``."""
        plain = {**self.metrics.to_json(), "ci95": None, "split": self.split}
        if self.intervals is not None:
            plain["ci95"] = [self.intervals.map50_95.low, self.intervals.map50_95.high]
            plain["map50_ci95"] = [self.intervals.map50.low, self.intervals.map50.high]
            for name, found in self.intervals.ap50_95.items():
                plain["per_class"][name]["ci95"] = None if found is None else [found.low, found.high]
        return {
            **plain,
            "independent": self.units,
            "without_interval": self.without_interval,
            "not_measurable": list(self.not_measurable),
            "detectable": self.detectable,
            "sizes": {entry.band.name: entry.to_json() for entry in self.sizes},
            "terciles": {entry.band.name: entry.to_json() for entry in self.terciles},
            "operating": self.operating.to_json(),
            "calibration": self.calibration.to_json(),
            "confusion": self.confusion.tolist(),
            "mistakes": self.mistakes.to_json(),
            "trained_on": [str(path) for path in self.trained_on],
        }


def evaluate(
    model: PathLike,
    data: PathLike,
    *,
    split: str = "val",
    confidence: float | None = None,
    group_by: Sequence[str] = ("roboflow",),
    near_duplicates: bool = True,
    save_predictions: PathLike | None = None,
    imgsz: int | None = None,
    batch: int = 16,
    device: str = "auto",
    head: str = "auto",
    resamples: int = 1000,
    seed: int = 0,
    trust: bool = False,
    tiling: Tiling | None = None,
) -> Evaluation:
    """Score a model on a split, with bootstrap intervals over images.

    A checkpoint is scored as Ultralytics' ``val()`` does. A bundle or an exported network, and any model that looks at
    tiles, is scored on what it says in use.

    Args:
        model: a checkpoint, a run folder (its ``best.pt``), a bundle, an exported network, or predictions that were
            kept (``.npz``).
        data: a ``data.yaml`` or the folder that holds it.
        split: ``val``, ``test`` or ``train``.
        confidence: above which a detection counts at the operating point; where the mean F1 is largest by default.
        group_by: images that belong together and are resampled together, see `yolo_tl.data.groups.groups_of`.
        near_duplicates: look for them, and resample them together.
        save_predictions: an ``.npz`` file to keep what the model said in.
        imgsz: side of the square input of a checkpoint, px; as trained by default.
        batch: images per forward pass of a checkpoint.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index, of a checkpoint.
        head: of a checkpoint ``one-to-many``, ``nms-free``, or ``auto`` for the one it was selected on.
        resamples: bootstrap resamples.
        seed: seed of the bootstrap.
        trust: load a checkpoint that asks for foreign classes.
        tiling: look at images in tiles, see `yolo_tl.edge.tiling.Tiling`.

    Raises:
        DataError: the split is empty, or all its images are in train, too.
        UsageError: `confidence` is not within 0 to 1, or the model is not of the task detect.
        WriteError: the predictions could not be written.
    """
    dataset = read_dataset(Path(data))
    shared = require_held_out(dataset, split)
    found = _predict(
        model, dataset, split, imgsz=imgsz, batch=batch, device=device, head=head, trust=trust, tiling=tiling
    )
    if save_predictions is not None:
        found.write(Path(save_predictions))
    groups = cluster_labels(
        [result.image for result in found.results], group_by=group_by, near_duplicates=near_duplicates
    )
    return of_predictions(
        found, confidence=confidence, groups=groups, trained_on=shared, resamples=resamples, seed=seed
    )


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
        DataError: all images of the split are in train, too; or kept predictions are of other images than the split
            has, or of other classes.
    """
    dataset = read_dataset(Path(data))
    require_held_out(dataset, split)
    return _predict(model, dataset, split, imgsz=imgsz, batch=batch, device=device, head=head, trust=trust)


def of_predictions(
    predictions: Predictions,
    *,
    confidence: float | None = None,
    groups: Sequence[str | None] | None = None,
    trained_on: Sequence[Path] = (),
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """The scores of predictions, and where there is something to resample, their intervals.

    Args:
        predictions: of one model on one split.
        confidence: above which a detection counts at the operating point; where the mean F1 is largest by default.
        groups: a label for each image, of those that belong together.
        trained_on: images of the split that are in train, too.
        resamples: bootstrap resamples.
        seed: seed of the bootstrap.

    Raises:
        UsageError: `confidence` is not within 0 to 1, or there are fewer than 100 resamples.
    """
    metrics = score(predictions.results, predictions.names)
    if confidence is not None:
        thresholds_of(confidence, predictions.names)
    units = metrics.images if groups is None else count_units(groups)
    drawn = None
    if units > 1 and metrics.instances:
        drawn = Resampling.draw(metrics.images, resamples=resamples, seed=seed, groups=groups)
    return Evaluation(
        predictions,
        metrics,
        drawn,
        metrics.confidence if confidence is None else confidence,
        groups=None if groups is None else tuple(groups),
        trained_on=tuple(trained_on),
    )


def _predict(
    model: PathLike,
    dataset: Dataset,
    split: str,
    *,
    imgsz: int | None,
    batch: int,
    device: str,
    head: str,
    trust: bool,
    tiling: Tiling | None = None,
) -> Predictions:
    if Path(model).suffix == SUFFIX:
        if tiling is not None:
            raise UsageError(f"{model}: expected a model to look at tiles, found predictions that were kept")
        return _kept(Path(model), dataset, split)
    if tiling is not None or _deployed(Path(model)):
        from yolo_tl.prediction import load_detector, predict_split

        opened = load_detector(os.fspath(model), imgsz=imgsz, device=device, head=head, trust=trust, tiling=tiling)
        return predict_split(opened, dataset, split)
    from yolo_tl.engine.checkpoint import load_checkpoint
    from yolo_tl.engine.detector import selected_head, trained_size
    from yolo_tl.engine.device import find_device
    from yolo_tl.engine.validation import validate
    from yolo_tl.engine.weights import checkpoint_of, find_weights

    model = checkpoint_of(model)
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


def _deployed(path: Path) -> bool:
    """Whether it is a bundle or an exported network: something that is there, and neither a run nor a checkpoint."""
    return path.exists() and path.suffix.lower() != ".pt" and not (path / "run.yaml").is_file()


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
