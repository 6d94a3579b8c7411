"""Checkpoints of networks that have learned nothing, at once; and folders that look like runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def checkpoint(path: Path, data: Path, *, seed: int = 0, width: int = 8, **train_args: Any) -> Path:
    """Save a small random network for the classes of a data set folder, with BatchNorm statistics of its own."""
    from yolo_tl.data import read_dataset
    from yolo_tl.engine.batchnorm import batchnorms
    from yolo_tl.engine.hermetic import ultralytics
    from yolo_tl.engine.saving import save_checkpoint

    ultralytics()
    import torch
    from ultralytics.nn.tasks import DetectionModel

    names = read_dataset(data).names
    torch.manual_seed(seed)
    architecture = {
        "nc": len(names),
        "backbone": [[-1, 1, "Conv", [width, 3, 2]] for _ in range(5)],
        "head": [[[2, 3, 4], 1, "Detect", [len(names)]]],
    }
    module = DetectionModel(architecture, verbose=False)
    module.names = dict(enumerate(names))
    for norm in batchnorms(module).values():
        norm.running_mean.normal_(std=0.1)
        norm.running_var.uniform_(0.5, 1.5)
    save_checkpoint(module, path, train_args={"imgsz": 64, **train_args})
    return path


def run_folder(folder: Path, data: Path, *, epochs: tuple[int, ...] = (), **options: Any) -> Path:
    """A folder as training leaves it: its data, start, best and the kept epochs, each another random network."""
    folder.mkdir(parents=True)
    (folder / "run.yaml").write_text(
        yaml.safe_dump({"data": {"path": str(data / "data.yaml")}, "decisions": {}}), "utf-8"
    )
    names = {"state/start.pt": 100, "weights/best.pt": 101, **{f"weights/epoch{epoch}.pt": epoch for epoch in epochs}}
    for name, seed in names.items():
        (folder / name).parent.mkdir(exist_ok=True)
        checkpoint(folder / name, data, seed=seed, **options)
    return folder
