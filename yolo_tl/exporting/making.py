"""The model of a bundle: exported in float, and from there in the precision that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.config import ExportConfig
from yolo_tl.edge.network import Head
from yolo_tl.engine.exporting import export_model
from yolo_tl.errors import ConfigError
from yolo_tl.exporting.registry import find_format
from yolo_tl.exporting.tensorrt import build_engine


@dataclass(frozen=True)
class Made:
    """A model that was made.

    Attributes:
        model: its file or folder in the bundle.
    """

    model: str


def make_model(module: Any, folder: Path, *, config: ExportConfig, head: Head, imgsz: int) -> Made:
    """Write the model into `folder`.

    Args:
        module: the loaded network.
        folder: the bundle that is being made.
        config: the request.
        head: of the export.
        imgsz: side of the square input, px.
    """
    if config.precision == "int8":
        raise ConfigError("precision: there is no recipe for 8 bits yet", hint="say --precision fp16 or fp32")
    entry = find_format(config.format)
    name = f"model{entry.suffix}"
    first, precision = (name, config.precision) if config.format != "engine" else ("model.onnx", "fp32")
    export_model(
        module,
        folder / first,
        format="onnx" if config.format == "engine" else config.format,
        precision=precision,
        head=head,
        task=module.task,
        imgsz=imgsz,
        batch=config.batch,
        dynamic=config.dynamic,
        simplify=config.simplify,
        opset=config.opset,
        confidence=config.confidence,
        iou=config.iou,
        max_det=config.max_det,
    )
    if config.format == "engine":  # from the ONNX file, which stays in the bundle: a device can build its own
        build_engine(folder / first, folder / name, precision=config.precision, log=folder / "build.log")
    return Made(name)
