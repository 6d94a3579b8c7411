"""Ultralytics' own predictor under the stopwatch: ``python -m yolo_tl.engine.stopwatch``; see `edge.stopwatch`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolo_tl.edge.stopwatch import Run, serve
from yolo_tl.engine.hermetic import ultralytics


def load(model: Path, options: Mapping[str, Any]) -> Run:
    """Whatever Ultralytics can load, run as its user would: with its defaults, at the size it was made for."""
    ultralytics()
    import torch
    from ultralytics import YOLO

    network = YOLO(str(model), task=options["task"])
    if options["threads"] is not None:
        torch.set_num_threads(options["threads"])
    size = {} if options["imgsz"] is None else {"imgsz": options["imgsz"]}
    return lambda images: network.predict(list(images), device="cpu", verbose=False, save=False, **size)


if __name__ == "__main__":
    serve(load)
