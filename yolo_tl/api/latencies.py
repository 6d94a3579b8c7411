"""How long models take, beside each other and beside Ultralytics on the same file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from yolo_tl.errors import UsageError
from yolo_tl.files import PathLike

if TYPE_CHECKING:
    from yolo_tl.latency import Contestant, Latency


def benchmark(
    models: Sequence[PathLike],
    images: PathLike,
    *,
    peer: bool = True,
    rounds: int = 10,
    runs: int = 10,
    batch: int = 1,
    threads: int | None = None,
    limit: int = 32,
) -> tuple[Latency, ...]:
    """Measure latency, throughput, processor time and memory; each model runs in a process of its own.

    Args:
        models: bundles, exported networks and checkpoints; a checkpoint is run by Ultralytics.
        images: an image, a folder, a pattern or a video.
        peer: measure Ultralytics on the same files, too, where it is installed.
        rounds: turns of each.
        runs: batches of a turn.
        batch: images at once.
        threads: CPU threads; None leaves it to each engine.
        limit: images of the source that are used.

    Returns:
        One entry for each model and what ran it; processor times are compared with the first.

    Raises:
        UsageError: nothing to measure, or a number below one.
        BundleError: a model cannot be opened.
    """
    from yolo_tl.latency import measure

    for name, value in (("rounds", rounds), ("runs", runs), ("batch", batch), ("limit", limit)):
        if value < 1:
            raise UsageError(f"{name}: expected a number from 1 on, found {value}")
    if not models:
        raise UsageError("expected at least one model")
    chosen = [found for model in models for found in _contestants(Path(model), peer=peer)]
    return measure(chosen, os.fspath(images), limit=limit, rounds=rounds, runs=runs, batch=batch, threads=threads)


def _contestants(model: Path, *, peer: bool) -> list[Contestant]:
    from yolo_tl.edge.artifact import open_artifact
    from yolo_tl.engine.runs import installed
    from yolo_tl.latency import Contestant

    if model.suffix == ".pt":
        return [Contestant(model, "ultralytics")]
    artifact = open_artifact(model)
    info = artifact.pipeline.info
    found = [Contestant(model, "yolo-tl")]
    if peer and installed("ultralytics") is not None:
        found.append(Contestant(artifact.pipeline.network.path, "ultralytics", info.task, info.imgsz))
    return found
