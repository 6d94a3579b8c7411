"""Whether weights are worth starting from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yolo_tl.api.training import plan, resume, train
from yolo_tl.evaluation.verdict import Verdict
from yolo_tl.files import PathLike
from yolo_tl.negative_transfer import verdict as run_race
from yolo_tl.transfer.progress import Listener

__all__ = ["Verdict", "verdict"]

OUT = Path("runs") / "verdict"


def verdict(
    data: PathLike,
    weights: PathLike | Sequence[PathLike],
    *,
    out: PathLike | None = None,
    preset: str | None = "small-data",
    config: PathLike | None = None,
    epochs: int | None = None,
    seeds: Sequence[int] = (0,),
    overrides: Mapping[str, Any] | None = None,
    trust: bool = False,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> Verdict:
    """Train from `weights` and from scratch, as briefly as will do, and say which is better.

    Called again with the same request it goes on where it was; see `yolo_tl.negative_transfer`.

    Args:
        data: a ``data.yaml`` or the folder that holds it; it is not modified, and its test split is left alone.
        weights: one or several checkpoints' paths or names.
        out: folder for the runs and ``verdict.json``, ``runs/verdict`` by default; not inside the data set.
        preset: a named recipe that freezes nothing, a YAML file, or None for the defaults.
        config: a YAML file, stronger than the preset.
        epochs: of the full run that the verdict is about; the longest run here is a third of it. The preset's by
            default.
        seeds: of training; the first one chooses the way to transfer.
        overrides: dotted configuration keys to values, strongest.
        trust: load a checkpoint that asks for foreign classes.
        overwrite: clear what `out` holds of a verdict, and begin anew.
        listener: told of each run, and of candidates by notes.
    """
    named = [weights] if isinstance(weights, str | os.PathLike) else list(weights)
    return run_race(
        Path(data),
        [os.fspath(name) for name in named],
        OUT if out is None else Path(out),
        train=train,
        resume=resume,
        plan=plan,
        preset=preset,
        config=None if config is None else Path(config),
        epochs=epochs,
        seeds=seeds,
        overrides=overrides,
        trust=trust,
        overwrite=overwrite,
        listener=listener,
    )
