"""Networks of a few layers, with weights drawn at random: each is exported in a second, and all of them find things."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from yolo_tl.edge.network import Head, NetworkInfo, Outputs
from yolo_tl.engine.exporting import export_model
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.exporting.formats import FORMATS

_FOLDER = tempfile.TemporaryDirectory(prefix="yolo_tl-networks-")

NAMES = {0: "red", 1: "green", 2: "blue"}
HEADS = {
    "detect": ("Detect", ["nc"]),
    "segment": ("Segment", ["nc", 8, 16]),
    "pose": ("Pose", ["nc", "kpt_shape"]),
    "obb": ("OBB", ["nc", 1]),
}


def tiny(task: str = "detect", *, two_headed: bool = False, seed: int = 0) -> Any:
    """A network of three classes for a task; with two heads it is built as YOLO26 is."""
    ultralytics()
    import torch
    from ultralytics.nn import tasks

    kinds = {
        "detect": tasks.DetectionModel,
        "segment": tasks.SegmentationModel,
        "pose": tasks.PoseModel,
        "obb": tasks.OBBModel,
        "classify": tasks.ClassificationModel,
    }
    torch.manual_seed(seed)
    backbone: list[Any] = [[-1, 1, "Conv", [width, 3, 2]] for width in (16, 32, 32, 48, 48)]
    if task == "classify":
        content: dict[str, Any] = {"nc": 3, "backbone": backbone, "head": [[-1, 1, "Classify", ["nc"]]]}
    else:
        module, arguments = HEADS[task]
        name = f"{module}26" if two_headed and task != "detect" else module
        content = {"nc": 3, "backbone": backbone, "head": [[[2, 3, 4], 1, name, arguments]]}
        content |= {"end2end": True, "reg_max": 1} if two_headed else {}
        content |= {"kpt_shape": [2, 3]} if task == "pose" else {}
    network = kinds[task](content, verbose=False).float().eval()
    network.names, network.task, network.pt_path = dict(NAMES), task, "/nowhere/best.pt"
    last = network.model[-1]
    branches = [getattr(last, name, None) or [] for name in ("cv3", "one2one_cv3")]
    for level in [level for branch in branches for level in branch]:
        torch.nn.init.normal_(level[-1].weight, std=0.4)
        torch.nn.init.constant_(level[-1].bias, -1.0)
    # Signals fade in layers nobody trained; with the statistics of what is shown, every pixel counts.
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.from_numpy(images(8, seed=5)))
    return network.eval()


def images(count: int = 2, *, size: int = 64, seed: int = 1) -> np.ndarray:
    """Noise as a network takes it: (count, 3, size, size) float32 in [0, 1]."""
    return np.random.default_rng(seed).random((count, 3, size, size), dtype=np.float32)


@cache
def exported(
    task: str,
    format: str,
    *,
    head: Head = "raw",
    two_headed: bool = False,
    dynamic: bool = False,
    batch: int = 1,
    precision: str = "fp32",
) -> Path:
    """The network of `tiny`, exported; made once for all tests, which must not change it."""
    name = f"{task}-{head}-{'two-' * two_headed}{'dynamic-' * dynamic}{batch}-{precision}{FORMATS[format].suffix}"
    target = Path(_FOLDER.name) / name
    if target.exists():  # asked for with other words
        return target
    export_model(
        tiny(task, two_headed=two_headed),
        target,
        format=format,
        precision=precision,
        head=head,
        task=task,  # type: ignore[arg-type]
        imgsz=64,
        batch=batch,
        dynamic=dynamic,
        simplify=True,
        opset=None,
        confidence=0.3,
        iou=0.7,
        max_det=40,
    )
    return target


def require_same(ours: Outputs, theirs: Outputs, info: NetworkInfo, *, box: float, score: float) -> int:
    """Compare the outputs of two engines, rows of finished detections as sets; return the number of detections.

    Args:
        ours: outputs of one engine, each (B, ...).
        theirs: of the other.
        info: the network.
        box: largest difference of any number but a score, px.
        score: largest difference of a score.
    """
    assert [output.shape for output in ours] == [output.shape for output in theirs]
    for one, other in zip(ours[1:], theirs[1:], strict=True):  # prototypes
        np.testing.assert_allclose(one, other, atol=score)
    classes, total = len(info.names), 0
    for a, b in zip(ours[0], theirs[0], strict=True):
        if info.task == "classify":
            np.testing.assert_allclose(a, b, atol=score)
            total += 1
        elif info.head == "raw":
            limits = np.full((len(a), 1), box)
            limits[4 : 4 + classes] = score
            assert (np.abs(a - b) <= limits).all(), np.abs(a - b).max(1)
            total += int((a[4 : 4 + classes].max(0) > 0.3).sum())
        else:
            a, b = a[a[:, 4] > 0.3], b[b[:, 4] > 0.3]
            assert len(a) == len(b)
            far = np.abs(a[:, None] - b[None]).max(2)
            rows, columns = linear_sum_assignment(far)
            difference = np.abs(a[rows] - b[columns])
            assert difference[:, 4].max(initial=0) <= score
            assert difference.max(initial=0) <= box
            total += len(a)
    return total
