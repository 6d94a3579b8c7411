"""One function per verb. Each composes the rooms and owns no logic; the command line calls nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolo_tl.config import ExportConfig, TrainConfig
from yolo_tl.data import ConvertReport, Dataset, convert, read_dataset
from yolo_tl.data.checking import check
from yolo_tl.data.checks.report import CheckReport
from yolo_tl.data.differences import Differences, diff
from yolo_tl.data.fixing import FixReport, fix
from yolo_tl.data.placing import Link
from yolo_tl.data.preview import PreviewReport, preview
from yolo_tl.data.split import Ratios
from yolo_tl.data.splitting import SplitReport
from yolo_tl.data.splitting import split as make_splits
from yolo_tl.errors import UsageError
from yolo_tl.evaluation import ImageResult, Intervals, Metrics, bootstrap
from yolo_tl.evaluation import evaluate as score
from yolo_tl.files import write_json
from yolo_tl.presets import Resolved, resolve
from yolo_tl.transfer.facts import DataFacts
from yolo_tl.transfer.plan import TrainPlan, make_plan

if TYPE_CHECKING:
    from yolo_tl.engine.trainer import EpochReport
    from yolo_tl.exporting import ExportResult
    from yolo_tl.prediction import Prediction

PathLike = str | os.PathLike[str]

__all__ = [
    "CheckReport",
    "ConvertReport",
    "Differences",
    "Evaluation",
    "FixReport",
    "PreviewReport",
    "SplitReport",
    "TrainResult",
    "check",
    "convert",
    "diff",
    "doctor",
    "evaluate",
    "export",
    "fingerprint",
    "fix",
    "plan",
    "predict",
    "preview",
    "split",
    "train",
]


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
        """Plain values; ``ci95`` is the interval of ``map50_95``."""
        ci95 = None if self.intervals is None else [self.intervals.map50_95.low, self.intervals.map50_95.high]
        return {**self.metrics.to_json(), "ci95": ci95, "split": self.split}


@dataclass(frozen=True)
class TrainResult:
    """A finished training run.

    Attributes:
        run: its folder.
        weights: the best checkpoint, selected on val.
        plan: what was planned and done.
        evaluation: scores of that checkpoint on val.
        cpu_seconds: processor time of training and validation.
    """

    run: Path
    weights: Path
    plan: TrainPlan
    evaluation: Evaluation
    cpu_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {
            "run": str(self.run),
            "weights": str(self.weights),
            "metrics": self.evaluation.to_json(),
            "plan": self.plan.to_json(),
            "cpu_seconds": round(self.cpu_seconds, 2),
        }


def fingerprint(data: PathLike, *, files: bool = False) -> str:
    """A name for the content of a data set: equal data have equal ones, wherever they lie.

    Args:
        data: a ``data.yaml`` or the folder that holds it.
        files: of the image files as they are, not of their pixels; much faster.
    """
    from yolo_tl.data.fingerprint import file_fingerprint
    from yolo_tl.data.fingerprint import fingerprint as of_pixels
    from yolo_tl.data.yolo.labelled import read_labelled

    labelled = read_labelled(Path(data))
    return file_fingerprint(labelled) if files else of_pixels(labelled)


def split(
    data: PathLike,
    out: PathLike,
    *,
    ratios: Ratios = (0.8, 0.2, 0.0),
    folds: int | None = None,
    group_by: Sequence[str] = ("roboflow",),
    near_duplicates: bool = True,
    weights: PathLike | None = None,
    device: str = "auto",
    keep: Sequence[str] = (),
    seed: int = 0,
    link: Link = "auto",
    workers: int = 1,
    trust: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
) -> SplitReport:
    """Make a new data set folder with other splits; see `yolo_tl.data.splitting.split`.

    With weights, near-duplicates are found that a hash does not see: shifted by more than a few percent, turned
    by any angle, cropped. That takes about 0.1 s of processor time for each image, and the train extra.

    Args:
        data: a ``data.yaml`` or the folder that holds it; it is not modified.
        out: the folder to make; not inside the data set.
        ratios: shares of train, val and test.
        folds: number of folds, instead of `ratios`.
        group_by: what belongs together, see `yolo_tl.data.groups.groups_of`; several are joined.
        near_duplicates: look for them, about 1 ms for each image.
        weights: any checkpoint's path or name; its backbone proposes near-duplicates.
        device: device of the checkpoint.
        keep: splits to keep as they are; groups that reach into one join it.
        seed: decides between equally good splits.
        link: how images are placed.
        workers: processes that decode; 0 takes one for each core.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: replace a folder that was made here before.
        dry_run: do everything but write.
    """
    embed = None
    if weights is not None:
        if not near_duplicates:
            raise UsageError("weights: they are for finding near-duplicates, which is switched off")
        from yolo_tl.engine.embedding import embedder

        embed = embedder(weights, device=device, trust=trust)
    return make_splits(
        Path(data),
        Path(out),
        ratios=ratios,
        folds=folds,
        group_by=group_by,
        near_duplicates=near_duplicates,
        keep=keep,
        seed=seed,
        link=link,
        workers=workers,
        embed=embed,
        overwrite=overwrite,
        dry_run=dry_run,
    )


def plan(
    data: PathLike,
    weights: str,
    *,
    preset: str | None = "small-data",
    config: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> TrainPlan:
    """Decide everything about a training run, without starting it.

    Args:
        data: a ``data.yaml`` or the folder that holds it.
        weights: a checkpoint's path or name, or an architecture YAML to train from scratch.
        preset: a named recipe, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        overrides: dotted configuration keys to values, strongest.
        trust: load a checkpoint that asks for foreign classes.
    """
    return _prepare(data, weights, preset=preset, config=config, overrides=overrides, trust=trust)[0]


def train(
    data: PathLike,
    weights: str,
    *,
    out: PathLike | None = None,
    preset: str | None = "small-data",
    config: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    trust: bool = False,
    overwrite: bool = False,
    on_plan: Callable[[TrainPlan], None] = lambda plan: None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> TrainResult:
    """Fine-tune a checkpoint; the result lands in a run folder.

    Args:
        data: a ``data.yaml`` or the folder that holds it; it is not modified.
        weights: a checkpoint's path or name, or an architecture YAML to train from scratch.
        out: the run folder; the next free ``runs/trainN`` by default.
        preset: a named recipe, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        overrides: dotted configuration keys to values, strongest.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: use a run folder that holds files.
        on_plan: called with the plan before training starts.
        on_epoch: called after every epoch.
    """
    from yolo_tl.engine.runs import new_run
    from yolo_tl.engine.training import run_training

    made, dataset, module = _prepare(data, weights, preset=preset, config=config, overrides=overrides, trust=trust)
    run = new_run(_path(out), overwrite=overwrite)
    on_plan(made)
    trained = run_training(made, dataset=dataset, module=module, run=run, on_epoch=on_epoch)
    evaluation = _score("val", trained.results, dataset.names)
    result = TrainResult(run, trained.weights, made, evaluation, trained.cpu_seconds)
    write_json(run / "metrics.json", {**evaluation.to_json(), "cpu_seconds": round(trained.cpu_seconds, 2)})
    return result


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
    return _score(split, results, dataset.names, resamples=resamples, seed=seed)


def export(
    model: PathLike,
    data: PathLike,
    out: PathLike,
    *,
    preset: str | None = "onnx",
    config: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    trust: bool = False,
    dry_run: bool = False,
) -> ExportResult:
    """Export a checkpoint, compare the result with it on images of `data`, and make a bundle of it.

    Args:
        model: a checkpoint.
        data: a ``data.yaml`` or its folder; images of its val split are compared.
        out: the bundle folder to make.
        preset: a named preset, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        overrides: dotted configuration keys to values, strongest.
        overwrite: replace a folder that holds files.
        trust: load a checkpoint that asks for foreign classes.
        dry_run: only say what would be done.

    Raises:
        ParityError: the exported model disagrees with the checkpoint; there is no bundle then.
    """
    from yolo_tl.engine.weights import find_weights
    from yolo_tl.exporting import export_bundle

    resolved = resolve(ExportConfig, kind="export", preset=preset, file=_path(config), overrides=overrides)
    return export_bundle(
        find_weights(os.fspath(model)),
        dataset=read_dataset(Path(data)),
        out=Path(out),
        config=resolved.config,
        overwrite=overwrite,
        trust=trust,
        dry_run=dry_run,
    )


def predict(
    model: PathLike,
    source: PathLike,
    *,
    out: PathLike | None = None,
    confidence: float | None = None,
    iou: float | None = None,
    imgsz: int | None = None,
    device: str = "auto",
    trust: bool = False,
) -> Iterator[Prediction]:
    """Detect objects in images or video, one prediction an image, as they come.

    Args:
        model: a checkpoint (``.pt``), a bundle folder or an ``.onnx`` file.
        source: an image, a folder, a glob or a video.
        out: folder for annotated pictures and ``detections.jsonl``.
        confidence: lowest confidence; the model's own by default.
        iou: NMS IoU; the model's own by default.
        imgsz: side of the square input of a checkpoint, px.
        device: device of a checkpoint.
        trust: load a checkpoint that asks for foreign classes.
    """
    from yolo_tl.prediction import load_detector, run

    detector = load_detector(os.fspath(model), imgsz=imgsz, device=device, trust=trust)
    return run(detector, os.fspath(source), out=_path(out), confidence=confidence, iou=iou)


def doctor() -> dict[str, Any]:
    """What is installed, which extras are missing, what hardware is there, where weights are looked for."""
    from yolo_tl.diagnosis import report

    return report()


def _prepare(
    data: PathLike,
    weights: str,
    *,
    preset: str | None,
    config: PathLike | None,
    overrides: Mapping[str, Any] | None,
    trust: bool,
) -> tuple[TrainPlan, Dataset, Any]:
    """A plan, the data set and the loaded network it is for."""
    from yolo_tl.engine.checkpoint import describe_network, load_checkpoint, new_network
    from yolo_tl.engine.device import find_device
    from yolo_tl.engine.weights import find_weights, is_architecture

    resolved: Resolved[TrainConfig] = resolve(
        TrainConfig, kind="train", preset=preset, file=_path(config), overrides=overrides
    )
    dataset = read_dataset(Path(data))
    scratch = is_architecture(weights)
    found = weights if scratch else str(find_weights(weights))
    module = new_network(found) if scratch else load_checkpoint(found, trust=trust)
    network = describe_network(module, pretrained=not scratch)
    if network.task != "detect":
        raise UsageError(
            f"{found}: is a {network.task} network; only detect is trained", hint="use a detection checkpoint"
        )
    made = make_plan(
        resolved,
        data=DataFacts.of(dataset),
        network=network,
        device=find_device(resolved.config.device),
        weights=found,
    )
    return made, dataset, module


def _score(split: str, results: list[ImageResult], names: tuple[str, ...], **options: int) -> Evaluation:
    """Metrics and, where there is something to resample, their intervals."""
    metrics = score(results, names)
    measurable = metrics.images > 1 and metrics.instances > 0
    return Evaluation(split, metrics, bootstrap(results, names, **options) if measurable else None)


def _path(value: PathLike | None) -> Path | None:
    return None if value is None else Path(value)
