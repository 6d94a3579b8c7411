"""Trying a recipe or labels out before they are trusted: cross-validation, and learning a few images by heart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yolo_tl.api.training import resume, train
from yolo_tl.cross_validation import CrossValidation
from yolo_tl.cross_validation import cross_validate as run_folds
from yolo_tl.files import PathLike
from yolo_tl.overfitting import IMAGES, STEPS, OverfitReport
from yolo_tl.overfitting import overfit_check as learn_by_heart
from yolo_tl.transfer.progress import Listener

__all__ = ["CrossValidation", "OverfitReport", "cross_validate", "overfit_check"]


def cross_validate(
    data: PathLike,
    weights: str,
    out: PathLike,
    *,
    folds: int = 5,
    preset: str | None = "small-data",
    config: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    group_by: Sequence[str] = ("roboflow",),
    near_duplicates: bool = True,
    seed: int = 0,
    trust: bool = False,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> CrossValidation:
    """Train one run for each fold of train and val, and score all images with networks that never saw them.

    Called again with the same request it goes on where it was; see `yolo_tl.cross_validation`.

    Args:
        data: a ``data.yaml`` or the folder that holds it; it is not modified, and its test split is left alone.
        weights: a checkpoint's path or name, or an architecture YAML to train from scratch.
        out: folder for the runs, the folds and ``cross_validation.json``; not inside the data set.
        folds: how many, 2 or more.
        preset: a named recipe, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        overrides: dotted configuration keys to values, strongest.
        group_by: what belongs together, see `yolo_tl.data.groups.groups_of`; several are joined.
        near_duplicates: look for them and keep them in one fold.
        seed: decides between equally good folds.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: clear what `out` holds of a cross-validation, and begin anew.
        listener: told of each run, and of folds by notes.
    """
    return run_folds(
        Path(data),
        weights,
        Path(out),
        train=train,
        resume=resume,
        folds=folds,
        preset=preset,
        config=None if config is None else Path(config),
        overrides=overrides,
        group_by=group_by,
        near_duplicates=near_duplicates,
        seed=seed,
        trust=trust,
        overwrite=overwrite,
        listener=listener,
    )


def overfit_check(
    data: PathLike,
    weights: str,
    *,
    images: int = IMAGES,
    steps: int = STEPS,
    overrides: Mapping[str, Any] | None = None,
    out: PathLike | None = None,
    trust: bool = False,
) -> OverfitReport:
    """Train on a few training images until they are known by heart; see `yolo_tl.overfitting`.

    Args:
        data: a ``data.yaml`` or the folder that holds it; it is not modified.
        weights: a checkpoint's path or name, or an architecture YAML to train from scratch.
        images: how many, chosen so that they show every class, rare classes most.
        steps: the most optimizer steps, each on all of the images.
        overrides: dotted configuration keys to values, such as ``imgsz``.
        out: folder for a picture of the image that was learnt worst.
        trust: load a checkpoint that asks for foreign classes.
    """
    target = None if out is None else Path(out)
    return learn_by_heart(
        Path(data), weights, train=train, images=images, steps=steps, overrides=overrides, out=target, trust=trust
    )
