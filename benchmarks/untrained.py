"""YOLO26n for every task, with random weights that find something: to export where no trained network is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yolo_tl.edge.image import read_image
from yolo_tl.edge.letterbox import letterbox, to_tensor
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.engine.saving import save_checkpoint

YAMLS = {
    "detect": "yolo26n.yaml",
    "segment": "yolo26n-seg.yaml",
    "obb": "yolo26n-obb.yaml",
    "pose": "yolo26n-pose.yaml",
    "classify": "yolo26n-cls.yaml",
}


def untrained(task: str, folder: Path, images: Sequence[Path], *, imgsz: int, seed: int = 0) -> Path:
    """A checkpoint in `folder`; BatchNorm statistics are those of `images`, without which signals fade."""
    ultralytics()
    import torch
    from ultralytics import YOLO

    torch.manual_seed(seed)
    module: Any = YOLO(YAMLS[task], task=task, verbose=False).model.float()
    module.task, module.args = task, {"imgsz": imgsz, "task": task}
    # Random layers amplify the rounding of an engine a thousandfold; trained ones do not. Small last layers, which are
    # those with a bias, bring it back to what it is there.
    for name, part in module.model[-1].named_modules():
        if isinstance(part, torch.nn.Conv2d) and part.bias is not None:
            scores, masks = "cv3" in name, task == "segment" and "cv4" in name
            torch.nn.init.normal_(part.weight, std=0.02 if scores else 0.003)
            if scores or masks:
                torch.nn.init.constant_(part.bias, 1.0 if masks else -1.0)
    batch = to_tensor([letterbox(read_image(path), (imgsz, imgsz)) for path in images])
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
    with torch.no_grad():
        module.train()(torch.from_numpy(np.ascontiguousarray(batch)))
    path = folder / f"yolo26n-{task}.pt"
    save_checkpoint(module.eval(), path, train_args={"imgsz": imgsz, "task": task}, half=False)
    return path
