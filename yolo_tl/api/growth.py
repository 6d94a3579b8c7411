"""What more labels would bring, and which images to label next."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yolo_tl.api.training import plan, resume, train
from yolo_tl.errors import UsageError
from yolo_tl.files import PathLike
from yolo_tl.labelling import COUNT, Choice, Method, Selection
from yolo_tl.labelling import label_next as choose
from yolo_tl.learning_curve import GAIN, REPEATS, CurvePoint, LearningCurve, learning_curve
from yolo_tl.transfer.progress import Listener

__all__ = ["Choice", "CurvePoint", "LearningCurve", "Selection", "curve", "label_next"]


def curve(
    data: PathLike,
    weights: str,
    *,
    out: PathLike = "runs/curve",
    sizes: Sequence[int] | None = None,
    repeats: int = REPEATS,
    steps: int | None = None,
    gain: float = GAIN,
    preset: str | None = "small-data",
    config: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    trust: bool = False,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> LearningCurve:
    """Train a recipe on growing subsets of the training images, and say what more images would bring.

    Called again with the same request it goes on where it was; see `yolo_tl.learning_curve`.

    Args:
        data: a ``data.yaml`` or the folder that holds it; it is not modified, and its test split is left alone.
        weights: a checkpoint's path or name, or an architecture YAML to train from scratch.
        out: folder for the runs, ``learning_curve.json`` and ``curve.svg``; not inside the data set.
        sizes: numbers of training images; an eighth, a quarter, half and all of them by default.
        repeats: runs of each size, each on other images; of all images there is one.
        steps: optimizer steps of every run; those that the recipe takes on all images by default.
        gain: the rise of mAP50-95 that is asked about.
        preset: a named recipe, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        overrides: dotted configuration keys to values, strongest; ``seed`` is the first of the repeats.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: clear what `out` holds of a learning curve, and begin anew.
        listener: told of each run, and of sizes by notes.
    """
    return learning_curve(
        Path(data),
        weights,
        Path(out),
        train=train,
        resume=resume,
        plan=plan,
        sizes=sizes,
        repeats=repeats,
        steps=steps,
        gain=gain,
        preset=preset,
        config=None if config is None else Path(config),
        overrides=overrides,
        trust=trust,
        overwrite=overwrite,
        listener=listener,
    )


def label_next(
    images: PathLike,
    *,
    model: PathLike | None = None,
    weights: str | None = None,
    data: PathLike | None = None,
    count: int = COUNT,
    method: Method | None = None,
    out: PathLike | None = None,
    copy_to: PathLike | None = None,
    suggest: bool = False,
    device: str = "auto",
    trust: bool = False,
    overwrite: bool = False,
) -> Selection:
    """Choose which unlabelled images to label next; see `yolo_tl.labelling`.

    Args:
        images: folder of unlabelled images, searched with its subfolders; it is not modified.
        model: a detector for the task: a checkpoint, a run folder, a bundle or an ``.onnx`` file.
        weights: the checkpoint that tells images apart; that of `model` by default. Any will do, also of other classes.
        data: what is labelled already: a ``data.yaml`` or its folder.
        count: how many images, fewer where there are no more.
        method: ``uncertainty`` where there is a model, else ``k-centre``.
        out: file to write: a table where it ends in ``.csv``, else a path a line.
        copy_to: folder to make, with copies of the chosen images.
        suggest: put what the model finds beside them, as YOLO labels to correct.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: replace what `out` and `copy_to` are.

    Raises:
        UsageError: neither a checkpoint nor weights to tell images apart.
    """
    from yolo_tl.engine.embedding import embedder
    from yolo_tl.engine.weights import checkpoint_of
    from yolo_tl.prediction import load_detector

    named = None if model is None else os.fspath(checkpoint_of(model))
    telling = weights or (named if named is not None and named.endswith(".pt") else None)
    if telling is None:
        raise UsageError(
            "expected a checkpoint (.pt) to tell images apart",
            hint="give --model with a checkpoint or a run folder, or --weights with any, such as yolo26n.pt",
        )
    return choose(
        Path(images),
        embed=embedder(telling, device=device, trust=trust),
        detector=None if named is None else load_detector(named, device=device, trust=trust),
        data=None if data is None else Path(data),
        count=count,
        method=method,
        out=None if out is None else Path(out),
        copy_to=None if copy_to is None else Path(copy_to),
        suggest=suggest,
        overwrite=overwrite,
    )
