"""Ultralytics' exporter for every format, kept to itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from yolo_tl.config import save
from yolo_tl.edge.network import Head, Task
from yolo_tl.edge.openvino import import_openvino
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.engine.workplace import answered, last_words, logged, workplace
from yolo_tl.errors import ExportError, WriteError

NMS = {"raw": None, "nms-free": False, "nms": True}
QUANTIZE = {"fp32": 32, "fp16": 16, "int8": 8}

# onnx2tf fetches this file unless it lies in the working folder, and reads it only to compare two graphs.
_SAMPLE = "calibration_image_sample_data_20x128x128x3_float32.npy"
_SCRIPT = "model_ncnn.py"  # of pnnx, with paths of this machine in it


def export_model(
    module: Any,
    target: Path,
    *,
    format: str,
    precision: str,
    head: Head,
    task: Task,
    imgsz: int,
    batch: int,
    dynamic: bool,
    simplify: bool,
    opset: int | None,
    confidence: float,
    iou: float,
    max_det: int,
    workspace: float | None = None,
    calibration: Sequence[Path] = (),
) -> None:
    """Write a network in one of Ultralytics' formats, offline, or nothing.

    Args:
        module: the loaded network; it is not changed.
        target: the file or folder to write.
        format: as Ultralytics calls it, such as ``onnx``.
        precision: ``fp32``, ``fp16`` or ``int8``. ONNX in float16 keeps float32 inputs and outputs. 8-bit models
            are quantised by Ultralytics here, from `calibration`.
        head: ``raw``, ``nms-free`` or ``nms`` (NMS inside the graph, with the three thresholds).
        task: what the network was trained for.
        imgsz: side of the square input, px.
        batch: images per run.
        dynamic: free batch, height and width.
        simplify: simplify the graph, in formats made through ONNX.
        opset: ONNX operator set, in formats made through ONNX; None for the newest that torch and the runtime know.
        confidence: lowest confidence inside the graph, head ``nms`` only.
        iou: NMS IoU inside the graph, head ``nms`` only.
        max_det: most detections an image; both NMS-free and ``nms`` heads bake it in.
        workspace: memory for TensorRT's builder, GiB; None leaves it to TensorRT.
        calibration: images for 8-bit models.

    Raises:
        ExportError: Ultralytics could not export it, or exported something else than was asked for.
        MissingExtra: OpenVINO is not installed.
        WriteError: there is no space left, or `target` cannot be written.
    """
    ultralytics()
    if format == "openvino":
        import_openvino()
    from ultralytics.engine.exporter import Exporter, export_formats

    target = target.absolute()
    table = export_formats()
    taken = dict(zip(table["Argument"], table["Arguments"], strict=True))[format]
    optional = {"simplify": simplify, "opset": opset, "workspace": workspace, "conf": confidence, "iou": iou}
    arguments = {
        "task": task,
        "mode": "export",
        "format": format,
        "imgsz": imgsz,
        "batch": batch,
        "dynamic": dynamic,
        "nms": NMS[head],
        "quantize": "w8a16" if (format, precision) == ("qnn", "int8") else QUANTIZE[precision],
        "device": "0" if format == "engine" else "cpu",
        "verbose": False,
        "max_det": max_det,
        **{key: value for key, value in optional.items() if key in taken},
        **({"conf": confidence, "iou": iou} if head == "nms" else {}),
    }
    with workplace(target) as folder:
        copy = deepcopy(module)
        copy.pt_path = str(folder / "model.pt")  # Ultralytics writes beside it
        if format in ("saved_model", "pb", "edgetpu"):
            np.save(folder / _SAMPLE, np.zeros((20, 128, 128, 3), np.float32))
        if precision == "int8":
            arguments["data"] = str(_calibration_data(folder / "calibration", calibration, module, task))
        log = folder / "engine.log"
        with answered(target, log), logged(log):
            exporter = Exporter(overrides=arguments)
            written = exporter(model=copy)
        _require_asked(exporter, target, head=head, imgsz=imgsz)
        source = Path(str(written[0] if isinstance(written, list | tuple) else written))
        if not source.exists():
            raise ExportError(f"{target.name}: the export wrote nothing", hint=last_words(log))
        if source.is_dir():
            (source / _SCRIPT).unlink(missing_ok=True)
        try:
            os.replace(source, target)
        except OSError as error:
            raise WriteError(
                f"{target}: could not be written: {error.strerror}", hint="choose another output"
            ) from error


def _require_asked(exporter: Any, target: Path, *, head: Head, imgsz: int) -> None:
    """Fail where Ultralytics changed the request, which it does with a log line only."""
    found: Head = "raw"
    if exporter.metadata["end2end"]:
        found = "nms-free"
    elif exporter.args.nms:
        found = "nms"
    if found != head:
        raise ExportError(f"{target.name}: expected head {head}, but Ultralytics exported {found}")
    if list(exporter.imgsz) != [imgsz, imgsz]:
        raise ExportError(f"{target.name}: expected size {imgsz}, but Ultralytics exported {exporter.imgsz}")


def _calibration_data(folder: Path, images: Sequence[Path], module: Any, task: Task) -> Path:
    """The images as a data set that Ultralytics calibrates with.

    They are copied: Ultralytics writes caches beside images and some JPEGs anew.
    """
    if not images:
        raise ExportError("8-bit models need calibration images, found none")
    names = dict(enumerate(module.names.values() if isinstance(module.names, dict) else module.names))
    for split in ("train", "val"):
        inside = folder / "images" / split if task != "classify" else folder / split / "any"
        inside.mkdir(parents=True)
        for number, image in enumerate(images):
            shutil.copyfile(image, inside / f"{number:06d}{image.suffix}")
    if task == "classify":
        return folder
    keypoints = {"kpt_shape": list(module.model[-1].kpt_shape)} if task == "pose" else {}
    content = {"path": str(folder), "train": "images/train", "val": "images/val", "names": names, **keypoints}
    save(folder / "data.yaml", content)
    return folder / "data.yaml"
