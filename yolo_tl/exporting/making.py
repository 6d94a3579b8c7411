"""The model of a bundle: exported in float, and from there in the precision that is asked for."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yolo_tl.config import ExportConfig
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.network import NetworkInfo
from yolo_tl.engine.exporting import export_model
from yolo_tl.exporting.quantisation.calibration import Calibration, choose_calibration
from yolo_tl.exporting.quantisation.openvino import quantise_openvino
from yolo_tl.exporting.quantisation.quantising import probe_samples, quantise_onnx
from yolo_tl.exporting.registry import find_format
from yolo_tl.exporting.tensorrt import build_engine


@dataclass(frozen=True)
class Made:
    """A model that was made.

    Attributes:
        model: its file or folder in the bundle.
        calibration: the images that 8-bit ranges were measured on; None in float.
        notes: what was decided on the way, for people.
    """

    model: str
    calibration: Calibration | None = None
    notes: tuple[str, ...] = ()


def make_model(
    module: Any, folder: Path, *, config: ExportConfig, info: NetworkInfo, data: Path, thresholds: Thresholds
) -> Made:
    """Write the model into `folder`.

    Args:
        module: the loaded network.
        folder: the bundle that is being made.
        config: the request.
        info: what the export is to be.
        data: the data set whose train split has the calibration images.
        thresholds: the operating point, at which the search for layers in float judges.

    Raises:
        ExportError: it could not be exported, or in 8 bits it is slower than in float.
        DataError: no calibration images, or of one class only.
    """
    entry = find_format(config.format)
    target = folder / f"model{entry.suffix}"
    # A plan is built from an ONNX file, which stays in the bundle: another device can build its own.
    file = folder / "model.onnx" if config.format == "engine" else target
    made = Made(target.name)
    if config.precision == "int8":
        calibration = choose_calibration(
            data,
            task=info.task,
            names=info.names,
            count=config.quantisation.images,
            seed=config.quantisation.seed,
        )
        notes = _quantised(module, file, config, info, data, thresholds, calibration)
        made = replace(made, calibration=calibration, notes=notes)
    else:
        # TensorRT is given float32, and rounds by itself.
        _export(module, file, config, info, "fp32" if config.format == "engine" else config.precision)
    if config.format == "engine":
        build_plan(file, target, config)
    return made


def build_plan(onnx: Path, target: Path, config: ExportConfig) -> None:
    """Build the TensorRT plan `target` from an ONNX file, as `config` asks; see `build_engine` for errors."""
    asked = config.tensorrt
    build_engine(
        onnx,
        target,
        precision=config.precision,
        workspace_gib=asked.workspace,
        version_compatible=asked.version_compatible,
        lean_runtime=asked.lean_runtime,
        hardware_compatibility=asked.hardware_compatibility,
        timing_cache=None if asked.timing_cache is None else Path(asked.timing_cache),
        dla=asked.dla,
        log=target.with_name("build.log"),
    )


def _quantised(
    module: Any,
    target: Path,
    config: ExportConfig,
    info: NetworkInfo,
    data: Path,
    thresholds: Thresholds,
    calibration: Calibration,
) -> tuple[str, ...]:
    """Write the 8-bit model; what was decided."""
    quantiser = find_format(config.format).quantiser
    if quantiser == "ultralytics":
        _export(module, target, config, info, "int8", calibration)
        return ("quantised by Ultralytics",)
    with tempfile.TemporaryDirectory(prefix="yolo_tl-float-") as name:
        source = Path(name) / target.name
        _export(module, source, config, info, "fp32")
        if quantiser == "nncf":
            floats = quantise_openvino(source, target, calibration=calibration)
            return (f"{len(floats)} operations in float, the others in 8 bits by NNCF",)
        asked = config.quantisation
        return quantise_onnx(
            source,
            target,
            calibration=calibration,
            probe=probe_samples(data, calibration, task=info.task, names=info.names),
            config=replace(asked, target="tensorrt") if config.format == "engine" else asked,
            limits=config.limits,
            thresholds=thresholds,
        ).notes


def _export(
    module: Any,
    target: Path,
    config: ExportConfig,
    info: NetworkInfo,
    precision: str,
    calibration: Calibration | None = None,
) -> None:
    export_model(
        module,
        target,
        format="onnx" if config.format == "engine" else config.format,
        precision=precision,
        head=info.head,
        task=info.task,
        imgsz=info.imgsz[0],
        batch=config.batch,
        dynamic=config.dynamic,
        simplify=config.simplify,
        opset=config.opset,
        confidence=config.confidence,
        iou=config.iou,
        max_det=config.max_det,
        calibration=() if calibration is None else calibration.paths,
    )
