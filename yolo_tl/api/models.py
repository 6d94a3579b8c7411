"""Models in use: average, export, prediction, and what they need."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolo_tl.config import ExportConfig
from yolo_tl.data import read_dataset
from yolo_tl.errors import ParityError, UsageError
from yolo_tl.files import PathLike
from yolo_tl.presets import resolve

if TYPE_CHECKING:
    from yolo_tl.edge.prediction import Prediction
    from yolo_tl.edge.tiling import Tiling
    from yolo_tl.engine.merging import AverageResult
    from yolo_tl.exporting import ExportResult


def average(
    sources: Sequence[PathLike],
    out: PathLike,
    *,
    last: int | None = None,
    start: float | None = None,
    data: PathLike | None = None,
    bn: bool = True,
    imgsz: int | None = None,
    batch: int = 16,
    device: str = "auto",
    trust: bool = False,
    overwrite: bool = False,
) -> AverageResult:
    """Average the weights of networks that started alike, and score the result beside them on val.

    Args:
        sources: run folders, which stand for their best checkpoint, and checkpoints.
        out: the checkpoint to write, a ``.pt`` file.
        last: of the one run in `sources`: average so many of the last epochs, which it kept.
        start: of the one run in `sources`: mix this share of the network it started from into its best.
        data: a ``data.yaml`` or the folder that holds it; the one the runs were trained on by default.
        bn: measure BatchNorm statistics anew on the training images, where the networks differ in them.
        imgsz: side of the square input, px; as trained by default.
        batch: images per forward pass.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: replace the checkpoint `out`.
    """
    from yolo_tl.engine.device import find_device
    from yolo_tl.engine.ingredients import find_data, find_ingredients, require_target
    from yolo_tl.engine.merging import merge

    given, target = [Path(source) for source in sources], Path(out)
    require_target(target, overwrite=overwrite)
    return merge(
        find_ingredients(given, last=last, start=start),
        target,
        dataset=read_dataset(find_data(given) if data is None else Path(data)),
        start=start,
        bn=bn,
        imgsz=imgsz,
        batch=batch,
        device=find_device(device).id,
        trust=trust,
    )


def export(
    model: PathLike,
    data: PathLike,
    out: PathLike,
    *,
    preset: str | None = "onnx",
    config: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    qualification: PathLike | None = None,
    overwrite: bool = False,
    trust: bool = False,
    dry_run: bool = False,
) -> ExportResult:
    """Export a checkpoint, compare the result with it on images of `data`, and make a bundle of it.

    Args:
        model: a checkpoint, or a run folder, which stands for its best. For format ``engine`` also a bundle with an
            ONNX file: then TensorRT builds on the machine it will run on, which needs no torch.
        data: a ``data.yaml`` or its folder; images of its val split are compared. To classify, a folder of classes.
        out: the bundle folder to make.
        preset: a named preset, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        overrides: dotted configuration keys to values, strongest.
        qualification: what `qualify` wrote about this checkpoint: its thresholds become those of the bundle.
        overwrite: replace a folder that holds files.
        trust: load a checkpoint that asks for foreign classes.
        dry_run: only say what would be done.

    Raises:
        ConfigError: the format cannot take what is asked for.
        MissingExtra: a package is not installed.
        ExportError: the qualification is of another checkpoint, other classes, another head or input size.
        ParityError: the exported model disagrees with the checkpoint. There is no bundle then, but a folder
            ``OUT-refused`` with a report: which stage differs, and pictures of the images that flipped.
    """
    from yolo_tl.api.verifying import write_refusal
    from yolo_tl.engine.weights import checkpoint_of, find_weights
    from yolo_tl.exporting import GateRefused, export_bundle
    from yolo_tl.exporting.rebuilding import is_bundle, rebuild_bundle

    resolved = resolve(
        ExportConfig, kind="export", preset=preset, file=None if config is None else Path(config), overrides=overrides
    )
    try:
        if is_bundle(Path(model)):
            if qualification is not None or dry_run:
                raise UsageError(f"{model}: a bundle brings its own thresholds, and is not rebuilt as a dry run")
            return rebuild_bundle(
                Path(model), data=Path(data), out=Path(out), config=resolved.config, overwrite=overwrite
            )
        return export_bundle(
            find_weights(os.fspath(checkpoint_of(model))),
            data=Path(data),
            out=Path(out),
            config=resolved.config,
            qualification=None if qualification is None else Path(qualification),
            overwrite=overwrite,
            trust=trust,
            dry_run=dry_run,
        )
    except GateRefused as refused:
        page = write_refusal(refused, Path(out))
        raise ParityError(refused.message, hint=f"{refused.hint}\nthe report is {page}") from None


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
    tiling: Tiling | None = None,
) -> Iterator[Prediction]:
    """Detect objects in images or video, or classify them, one prediction an image, as they come.

    Args:
        model: a checkpoint (``.pt``), a bundle or an exported network.
        source: an image, a folder, a glob or a video.
        out: folder for annotated pictures and ``detections.jsonl``, or ``classes.jsonl``.
        confidence: lowest confidence; the model's own by default.
        iou: NMS IoU; the model's own by default.
        imgsz: side of the square input of a checkpoint, px.
        device: device of a checkpoint.
        trust: load a checkpoint that asks for foreign classes.
        tiling: look at images in tiles, see `yolo_tl.edge.tiling.Tiling`.
    """
    from yolo_tl.prediction import load_model, run

    loaded = load_model(os.fspath(model), imgsz=imgsz, device=device, trust=trust, tiling=tiling)
    return run(loaded, os.fspath(source), out=None if out is None else Path(out), confidence=confidence, iou=iou)


def doctor() -> dict[str, Any]:
    """What is installed, which extras are missing, what hardware is there, where weights are looked for."""
    from yolo_tl.diagnosis import report

    return report()
