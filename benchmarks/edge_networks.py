"""YOLO26n for every task, with random weights, as ONNX files: what the edge runtime is measured on.

Weights nobody trained let signals fade, and find nothing or everything. So the statistics of all layers are taken from
pictures, and the scores are moved until some dozens of places in a picture count.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from yolo_tl.edge.network import Head
from yolo_tl.engine.exporting import export_model
from yolo_tl.engine.hermetic import ultralytics

SUFFIX = {"detect": "", "segment": "-seg", "pose": "-pose", "obb": "-obb", "classify": "-cls"}
_CANDIDATES = 60
"""Places of a picture that count, before NMS."""


def picture(height: int, width: int, *, seed: int) -> np.ndarray:
    """Smooth noise with some edges (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(height // 40, 2), max(width // 40, 2), 3), dtype=np.uint8)
    drawn = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        reach = int(rng.integers(2, max(min(height, width) // 4, 3)))
        cv2.circle(drawn, (x, y), reach, rng.integers(0, 256, 3).tolist(), -1)
    return np.asarray(drawn, np.uint8)


def write_network(folder: Path, task: str, *, imgsz: int, head: Head = "raw") -> Path:
    """Export YOLO26n for a task; a file that is there already is left as it is."""
    target = folder / f"yolo26n{SUFFIX[task]}-{imgsz}-{head}.onnx"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    yolo = ultralytics().YOLO
    import torch

    torch.manual_seed(0)
    network = yolo(f"yolo26n{SUFFIX[task]}.yaml").model.float()
    network.task, network.pt_path = task, "/nowhere/best.pt"
    _wake(network, imgsz)
    export_model(
        network.eval(),
        target,
        format="onnx",
        precision="fp32",
        head=head,
        task=task,  # type: ignore[arg-type]
        imgsz=imgsz,
        batch=1,
        dynamic=False,
        simplify=True,
        opset=None,
        confidence=0.25,
        iou=0.7,
        max_det=300,
    )
    return target


def _wake(network: Any, imgsz: int) -> None:
    import torch

    batch = np.stack([picture(imgsz, imgsz, seed=seed) for seed in range(16)])
    images = torch.from_numpy(batch[..., ::-1].copy()).permute(0, 3, 1, 2).float() / 255
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
    last = network.model[-1]
    branches = [branch for name in ("cv3", "one2one_cv3") if (branch := getattr(last, name, None)) is not None]
    for branch in branches:
        for level in branch:
            torch.nn.init.normal_(level[-1].weight, std=0.05)
            torch.nn.init.zeros_(level[-1].bias)
    with torch.no_grad():
        network.train()(images)
        network.eval()
        for branch in branches:
            _move_scores(network, branch, images)


def _move_scores(network: Any, branch: Any, images: Any) -> None:
    """Let `_CANDIDATES` places of a picture have a score above 0.25, on average."""
    import torch

    found: list[Any] = []
    hooks = [level.register_forward_hook(lambda *given: found.append(given[2].amax(1).flatten(1))) for level in branch]
    network(images)
    for hook in hooks:
        hook.remove()
    scores = torch.cat(found, 1).flatten()
    least = scores.topk(min(_CANDIDATES * len(images), len(scores))).values[-1]
    for level in branch:
        level[-1].bias += torch.logit(torch.tensor(0.25)) - least
