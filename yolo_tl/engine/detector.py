"""A checkpoint as the model that its export will be, with the interface of `yolo_tl.edge`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yolo_tl.edge.artifact import Artifact
from yolo_tl.edge.detector import Detector
from yolo_tl.edge.network import Head
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.network import CheckpointNetwork

HEADS: dict[str, Head] = {"one-to-many": "raw", "nms-free": "nms-free"}
"""How the output of each head of a network is read."""


def open_checkpoint(
    path: Path | str,
    *,
    imgsz: int | None = None,
    device: str = "auto",
    head: str = "auto",
    trust: bool = False,
) -> Artifact:
    """A ``.pt`` of any task, ready to run: what comes before and after the network is the edge's own.

    Images are letterboxed to a full square, as for an export of fixed size; on the CPU what is found equals
    Ultralytics' own prediction with ``rect=False``.

    Args:
        path: the checkpoint.
        imgsz: side of the square input, px; as trained by default.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index.
        head: ``one-to-many``, ``nms-free``, or ``auto`` for the one the checkpoint was selected on.
        trust: load a checkpoint that asks for foreign classes.

    Raises:
        WeightsNotFound, UntrustedCheckpoint, ModelError: it cannot be loaded, or has no such head.
    """
    module = load_checkpoint(path, trust=trust)
    network = CheckpointNetwork(
        Path(path),
        module,
        head=HEADS[selected_head(module) if head == "auto" else head],
        imgsz=imgsz or trained_size(module),
        device=device,
    )
    return Artifact(Path(path), Pipeline(network))


class CheckpointDetector(Detector):
    """A ``.pt`` that finds boxes, as a `yolo_tl.edge.Detector`; see `open_checkpoint` for the arguments."""

    def __init__(
        self,
        path: Path | str,
        *,
        imgsz: int | None = None,
        device: str = "auto",
        head: str = "auto",
        trust: bool = False,
    ) -> None:
        super().__init__(open_checkpoint(path, imgsz=imgsz, device=device, head=head, trust=trust))


def trained_size(module: Any, default: int = 640) -> int:
    """The input side a network was trained at, px, as its checkpoint says."""
    size = module.args.get("imgsz", default) if isinstance(module.args, dict) else default
    return int(max(size) if isinstance(size, list | tuple) else size)


def selected_head(module: Any) -> str:
    """The head its checkpoint was selected on: ``nms-free`` or ``one-to-many``."""
    nms = module.args.get("nms") if isinstance(module.args, dict) else None
    two_headed = getattr(module.model[-1], "one2one_cv2", None) is not None
    return "nms-free" if nms is False and two_headed else "one-to-many"
