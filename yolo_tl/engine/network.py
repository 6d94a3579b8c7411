"""A checkpoint as a network that is ready to run, its outputs laid out as those of its export."""

from __future__ import annotations

import platform
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.network import TASKS, Head, NetworkInfo, Outputs, Size, require_layout
from yolo_tl.engine.device import find_device
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.errors import ModelError


class CheckpointNetwork:
    """A `Network` in torch: a fused copy in float32, with the outputs that an ONNX export of the same head has.

    Args:
        path: the checkpoint, for messages.
        module: its loaded network; it is not changed.
        head: ``raw`` or ``nms-free``. ``nms`` is ``raw``: NMS inside a graph is compared with NMS outside.
        imgsz: side of the square input, or height and width, px.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index.
        max_det: most boxes of the ``nms-free`` head, which an export has in its graph.

    Raises:
        ModelError: the network has no such head, or is for none of the five tasks.
    """

    def __init__(
        self,
        path: Path,
        module: Any,
        *,
        head: Head,
        imgsz: int | Size,
        device: str = "cpu",
        max_det: int = 300,
    ) -> None:
        ultralytics()
        import torch

        self.path = path
        self.info = _info(path, module, head=head, imgsz=imgsz)
        found = find_device(device).id
        self._device = torch.device(found if found == "cpu" else f"cuda:{found}")
        model = _exported(deepcopy(module), self.info, max_det=max_det).to(self._device)
        self._model = model.to(memory_format=torch.channels_last) if _prefers_channels_last(found) else model

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Images (B, 3, H, W) in [0, 1] → outputs (B, ...), for any B.

        Raises:
            BundleError: the output is not laid out as the task and head ask for.
        """
        import torch

        with torch.inference_mode():
            outputs = self._model(torch.tensor(tensor, device=self._device))  # a copy: preprocessing uses memory again
        parts = outputs if isinstance(outputs, list | tuple) else (outputs,)
        arrays = tuple(np.ascontiguousarray(part.cpu().numpy()) for part in parts)
        require_layout(self.info, [array.shape for array in arrays], path=self.path)
        return arrays


def _prefers_channels_last(device: str) -> bool:
    """The order that Ultralytics predicts in, and the quicker one; sums are rounded otherwise in the other."""
    import torch

    intel = platform.machine() in {"AMD64", "x86_64"} and sys.platform in {"linux", "win32"}
    return device == "cpu" and intel and torch.backends.mkldnn.is_available()


def _info(path: Path, module: Any, *, head: Head, imgsz: int | Size) -> NetworkInfo:
    task = getattr(module, "task", "detect")
    if task not in TASKS:
        raise ModelError(
            f"{path}: expected a network for one of the tasks {', '.join(TASKS)}, found {task}",
            hint="use Ultralytics itself for other tasks",
        )
    if head == "nms-free" and getattr(module.model[-1], "one2one_cv2", None) is None:
        raise ModelError(f"{path}: has no head that needs no NMS", hint="ask for the head raw")
    names = module.names.values() if isinstance(module.names, dict) else module.names
    points = getattr(module, "kpt_shape", None) or getattr(module.model[-1], "kpt_shape", None)
    return NetworkInfo(
        task=task,
        names=tuple(str(name) for name in names),
        head="nms-free" if head == "nms-free" else "raw",
        imgsz=(imgsz, imgsz) if isinstance(imgsz, int) else imgsz,
        stride=int(max(module.stride)),
        batch=None,
        keypoints=(int(points[0]), int(points[1])) if task == "pose" and points else None,
    )


def _exported(model: Any, info: NetworkInfo, *, max_det: int) -> Any:
    """Made what Ultralytics' exporter traces: one head, fused, its last layer in export mode."""
    for parameter in model.parameters():
        parameter.requires_grad = False
    model = model.float().eval()
    if hasattr(model, "end2end"):
        model.end2end = info.head == "nms-free"  # before fusing, which removes the other head
    model = model.fuse(verbose=False)
    last = model.model[-1]
    last.export, last.format, last.dynamic, last.max_det = True, "onnx", False, max_det
    return model
