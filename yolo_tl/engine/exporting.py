"""Ultralytics' ONNX exporter, and the checkpoint's own forward pass to compare it with."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.engine.hermetic import log_to, ultralytics
from yolo_tl.errors import ExportError

Forward = Callable[[NDArray[np.float32]], NDArray[np.float32]]

NMS = {"raw": None, "nms-free": False, "nms": True}


def export_onnx(
    module: Any,
    target: Path,
    *,
    head: str,
    imgsz: int,
    batch: int,
    dynamic: bool,
    simplify: bool,
    opset: int | None,
    confidence: float,
    iou: float,
    max_det: int,
) -> None:
    """Write a float32 ONNX file.

    Args:
        module: the loaded network; it is not changed.
        target: the file to write.
        head: ``raw``, ``nms-free`` or ``nms`` (NMS inside the graph, with the three thresholds).
        imgsz: side of the square input, px.
        batch: images per run.
        dynamic: free batch, height and width.
        simplify: simplify the graph.
        opset: ONNX operator set; None for the newest that torch and the runtime know.
        confidence: lowest confidence inside the graph, head ``nms`` only.
        iou: NMS IoU inside the graph, head ``nms`` only.
        max_det: most detections an image; both NMS-free and ``nms`` heads bake it in.

    Raises:
        ExportError: Ultralytics could not export it.
    """
    ultralytics()
    from ultralytics.engine.exporter import Exporter

    arguments = {
        "task": "detect",
        "mode": "export",
        "format": "onnx",
        "imgsz": imgsz,
        "batch": batch,
        "dynamic": dynamic,
        "simplify": simplify,
        "opset": opset,
        "nms": NMS[head],
        "device": "cpu",
        "verbose": False,
        "max_det": max_det,
        **({"conf": confidence, "iou": iou} if head == "nms" else {}),
    }
    with tempfile.TemporaryDirectory(prefix="yolo_tl-export-") as name:
        copy = deepcopy(module)
        copy.pt_path = str(Path(name) / "model.pt")  # Ultralytics writes beside it
        log = Path(name) / "engine.log"
        with log_to(log):
            try:
                written = Exporter(overrides=arguments)(model=copy)
            except Exception as error:  # whatever a tracer, a simplifier or a writer raises
                raise ExportError(f"{target.name}: the export failed: {error}") from error
        source = Path(str(written[0] if isinstance(written, list | tuple) else written))
        if not source.is_file():
            raise ExportError(f"{target.name}: the export wrote no file", hint=log.read_text(encoding="utf-8")[-500:])
        shutil.copyfile(source, target)


def forward_of(module: Any, *, head: str) -> Forward:
    """The checkpoint's forward pass, fused as for export: (B, 3, H, W) float32 in [0, 1] → its output array.

    Args:
        module: the loaded network; it is not changed.
        head: ``nms-free`` for the one-to-one head, anything else for the one-to-many head.
    """
    ultralytics()
    import torch

    model = deepcopy(module).float().eval()
    if hasattr(model, "end2end"):
        model.end2end = head == "nms-free"  # before fusing, which removes the other head
    model = model.fuse(verbose=False)

    def forward(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output = model(torch.from_numpy(tensor))
        return (output[0] if isinstance(output, list | tuple) else output).numpy()

    return forward
