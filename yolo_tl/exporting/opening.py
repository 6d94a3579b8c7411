"""Anything that can be run, opened for a comparison: checkpoints, TorchScript, bundles and exported networks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from yolo_tl.edge.artifact import Artifact, open_artifact
from yolo_tl.edge.network import Head, NetworkInfo, RunOptions
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.detector import selected_head, trained_size
from yolo_tl.engine.weights import checkpoint_of, find_weights
from yolo_tl.files import PathLike


def open_any(
    path: PathLike,
    *,
    head: Head | None = None,
    imgsz: int | None = None,
    device: str = "cpu",
    options: RunOptions | None = None,
    trust: bool = False,
) -> Artifact:
    """Open a checkpoint, a run folder (its ``best.pt``), a ``.torchscript`` file, or what the edge opens.

    Args:
        path: where it is.
        head: of a checkpoint; by default the one it was selected on.
        imgsz: side of the square input of a checkpoint, px; by default as trained.
        device: ``cpu``, ``cuda`` or a CUDA index, of a checkpoint.
        options: threads and arithmetic of everything else.
        trust: load a checkpoint that asks for foreign classes.

    Raises:
        BundleError: it is missing, damaged, changed, or of a kind that is not run here.
        MissingExtra: what runs it is not installed.
        ModelError: a checkpoint that cannot be loaded.
    """
    if _is_checkpoint(path):
        file = find_weights(os.fspath(checkpoint_of(path)))
        return _checkpoint(file, head=head, imgsz=imgsz, device=device, trust=trust)
    if Path(path).suffix.lower() == ".torchscript":
        from yolo_tl.engine.torchscript import TorchScriptNetwork

        return Artifact(Path(path), Pipeline(TorchScriptNetwork(Path(path), options)))
    return open_artifact(Path(path), options)


def open_all(
    paths: Sequence[PathLike],
    *,
    head: Head | None = None,
    imgsz: int | None = None,
    device: str = "cpu",
    options: RunOptions | None = None,
    trust: bool = False,
) -> tuple[Artifact, ...]:
    """Open several, as `open_any` does; checkpoints with the head and size of the first that is none, or that is first.

    So a checkpoint answers as its export does.
    """
    fixed = {i: open_any(path, options=options) for i, path in enumerate(paths) if not _is_checkpoint(path)}
    like = next((artifact.pipeline.info for artifact in fixed.values()), None)
    opened = []
    for i, path in enumerate(paths):
        artifact = fixed.get(i)
        if artifact is None:
            file = find_weights(os.fspath(checkpoint_of(path)))
            artifact = _checkpoint(file, head=head, imgsz=imgsz, device=device, trust=trust, like=like)
            like = like or artifact.pipeline.info
        opened.append(artifact)
    return tuple(opened)


def _is_checkpoint(path: PathLike) -> bool:
    return Path(checkpoint_of(path)).suffix.lower() == ".pt"


def _checkpoint(
    path: Path, *, head: Head | None, imgsz: int | None, device: str, trust: bool, like: NetworkInfo | None = None
) -> Artifact:
    """A checkpoint that answers as an export `like` that does."""
    from yolo_tl.engine.network import CheckpointNetwork

    module = load_checkpoint(path, trust=trust)
    own: Head = "nms-free" if selected_head(module) == "nms-free" else "raw"
    size = trained_size(module) if like is None else like.imgsz
    network = CheckpointNetwork(
        path, module, head=head or (own if like is None else like.head), imgsz=imgsz or size, device=device
    )
    if like is not None and like.dynamic:  # which is given the smallest rectangle that it accepts
        network.info = replace(network.info, dynamic=True)
    return Artifact(path, Pipeline(network))
