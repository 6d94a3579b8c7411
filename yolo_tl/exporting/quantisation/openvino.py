"""An OpenVINO folder in 8 bits, by NNCF."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from yolo_tl.edge.openvino import OpenVinoNetwork, import_openvino
from yolo_tl.edge.sidecar import FILE, part, weights_of
from yolo_tl.edge.signal_stack import same_signal_stack
from yolo_tl.errors import ExportError, MissingExtra
from yolo_tl.exporting.quantisation.calibration import Calibration, tensors_of
from yolo_tl.exporting.quantisation.graph import is_expectation
from yolo_tl.files import staged_folder

_CONVOLUTIONS = ("Convolution", "GroupConvolution")


def quantise_openvino(source: Path, target: Path, *, calibration: Calibration) -> tuple[str, ...]:
    """Quantise an OpenVINO model after training, with the same images as any other format.

    Activations are unsymmetric and weights symmetric, as far as NNCF's preset ``mixed`` goes. The last convolutions and
    all that comes after them stay in float.

    Args:
        source: a folder in float that Ultralytics exported, of fixed size.
        target: the folder to write; its ``metadata.yaml`` has all of `source` and an entry ``quantisation``.
        calibration: images that ranges are measured on.

    Returns:
        Names of the operations in float.

    Raises:
        ExportError: NNCF could not quantise it, or its size is free.
        ImageError: an image cannot be read.
        MissingExtra: openvino or nncf is not installed.
    """
    openvino = import_openvino()
    try:
        import nncf
    except ImportError as error:
        raise MissingExtra("nncf", "openvino") from error
    info = OpenVinoNetwork(source).info
    if info.dynamic:
        raise ExportError(
            f"{source}: expected a fixed input size, found a free one",
            hint="8-bit ranges are measured at one size; export with dynamic false",
        )
    graph = part(source, ".xml")
    model = openvino.Core().read_model(graph, weights_of(graph))
    floats = tuple(tail(model))
    images = tensors_of(calibration.paths, info)
    if info.batch is not None and info.batch > 1:
        images = np.repeat(images[:, None], info.batch, axis=1).reshape(-1, *images.shape[1:])
    size = info.batch or 1
    batches = [images[i : i + size] for i in range(0, len(images), size)]
    logging.getLogger("nncf").setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), same_signal_stack():  # its progress bars; its own plugins
            quantised = nncf.quantize(
                model,
                nncf.Dataset(batches),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(batches),
                ignored_scope=nncf.IgnoredScope(names=list(floats), validate=False),
            )
    except Exception as error:  # NNCF's errors have no common class of their own
        raise ExportError(f"{source}: NNCF cannot quantise it: {error}") from error
    with staged_folder(target, overwrite=True) as stage:
        openvino.save_model(quantised, stage / graph.name, compress_to_fp16=False)
        for path in source.iterdir():
            if path.is_file() and path.suffix not in (".xml", ".bin"):
                shutil.copyfile(path, stage / path.name)
        told = yaml.safe_load((stage / FILE).read_text(encoding="utf-8"))
        told["quantisation"] = {
            "recipe": "openvino",
            "calibration": calibration.digest,
            "images": len(calibration.images),
            "float": len(floats),
        }
        (stage / FILE).write_text(yaml.safe_dump(told, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return floats


def tail(model: Any) -> Iterator[str]:
    """Names of the last convolutions and of everything after them: what decodes and is not to be rounded."""
    ahead: dict[str, bool] = {}  # operation → whether a convolution with trained weights comes after it
    for operation in reversed(model.get_ordered_ops()):
        following = [reader.get_node() for port in operation.outputs() for reader in port.get_target_inputs()]
        ahead[operation.get_friendly_name()] = any(
            ahead[node.get_friendly_name()] or _trained(node) for node in following
        )
    for operation in model.get_ordered_ops():
        name, kind = operation.get_friendly_name(), operation.get_type_name()
        if not ahead[name] and kind not in ("Parameter", "Constant", "Result"):
            yield name


def _trained(operation: Any) -> bool:
    """Whether it is a convolution, and not the expected value of a box side's distribution."""
    if operation.get_type_name() not in _CONVOLUTIONS:
        return False
    weight = operation.input_value(1).get_node()
    while weight.get_type_name() != "Constant" and weight.get_input_size():
        weight = weight.input_value(0).get_node()
    return weight.get_type_name() != "Constant" or not is_expectation(np.asarray(weight.data, np.float64))
