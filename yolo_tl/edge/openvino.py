"""An OpenVINO model in OpenVINO's runtime."""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.network import Outputs, RunOptions, Size, in_batches, require_layout
from yolo_tl.edge.onnx_metadata import read_onnx_metadata
from yolo_tl.edge.sidecar import part, read_metadata, weights_of
from yolo_tl.edge.signal_stack import same_signal_stack
from yolo_tl.errors import BundleError, MissingExtra

_REEXPORT = "the files may be damaged or cut off; copy the folder again or export it again from its checkpoint"
_SIZES = 4  # input shapes of a quantised network of free size that are kept compiled


class OpenVinoNetwork:
    """A `Network` in OpenVINO, on the CPU, from what Ultralytics exported.

    OpenVINO computes in bfloat16 by itself where the processor has it. Here it computes in float32 unless
    `RunOptions.precision` says otherwise; 8-bit layers of a quantised model stay 8-bit in any case.

    Args:
        path: the folder with an ``.xml``, a ``.bin`` and ``metadata.yaml``, or its ``.xml``; or an ``.onnx`` file.
        options: threads and precision.

    Raises:
        BundleError: a file is missing or damaged, or the model is no export of Ultralytics.
        MissingExtra: openvino is not installed.
    """

    def __init__(self, path: Path, options: RunOptions | None = None) -> None:
        self.path = path
        from_onnx = path.suffix.lower() == ".onnx"
        graph = path if from_onnx else part(path, ".xml")
        metadata = read_onnx_metadata(path) if from_onnx else read_metadata(graph)
        self._openvino = import_openvino()
        self._core = _core()
        self._config = _config(self._openvino, options or RunOptions())
        self._model = self._read(graph)
        targets = [_dimensions(target) for target in self._model.outputs]
        batch, size = self._require_images()
        self.info = metadata.info(columns=_columns(targets), size=size, batch=batch)
        # NMS inside the graph is unrolled over the batch it was exported for, even if the batch axis is free.
        self._largest = batch or (metadata.batch() if self.info.head == "nms" else None)
        require_layout(self.info, targets, path=path)
        # Quantised networks of free size crash OpenVINO's CPU plugin on processors with AMX (openvino#37577), so
        # each size is compiled by itself. https://github.com/openvinotoolkit/openvino/issues/37577
        quantised = any(node.get_type_name() == "FakeQuantize" for node in self._model.get_ops())
        self._of_shape = lru_cache(_SIZES)(self._reshaped) if quantised and (size is None or batch is None) else None
        self.compiled: Any = None if self._of_shape else self._compile(self._model)

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Images (B, 3, H, W) in [0, 1] → outputs (B, ...), for any B.

        Raises:
            BundleError: the network cannot be run, or its output is not laid out as its metadata says.
        """
        outputs = in_batches(self._run, tensor, size=self._largest, fixed=self.info.batch is not None)
        require_layout(self.info, [output.shape for output in outputs], path=self.path)
        return outputs

    def _run(self, tensor: NDArray[np.float32]) -> Outputs:
        compiled = self._of_shape(tensor.shape) if self._of_shape else self.compiled
        try:
            found = compiled(np.ascontiguousarray(tensor, np.float32))
        except RuntimeError as error:
            raise BundleError(
                f"{self.path}: OpenVINO failed on an input of shape {tensor.shape}: {_last_line(error)}", hint=_REEXPORT
            ) from error
        return tuple(np.asarray(found[i], np.float32) for i in range(len(self._model.outputs)))

    def _read(self, graph: Path) -> Any:
        weights = () if graph.suffix.lower() == ".onnx" else (weights_of(graph),)
        try:
            return self._core.read_model(graph, *weights)
        except RuntimeError as error:
            raise BundleError(
                f"{graph}: expected an OpenVINO model, but OpenVINO cannot read it: {_last_line(error)}",
                hint=_REEXPORT,
            ) from error

    def _compile(self, model: Any) -> Any:
        try:
            return self._core.compile_model(model, "CPU", self._config)
        except RuntimeError as error:
            raise BundleError(
                f"{self.path}: OpenVINO cannot compile it: {_last_line(error)}", hint=_REEXPORT
            ) from error

    def _reshaped(self, shape: tuple[int, ...]) -> Any:
        model = self._model.clone()
        model.reshape(list(shape))
        return self._compile(model)

    def _require_images(self) -> tuple[int | None, Size | None]:
        """The fixed batch and the fixed size of the one input, each None where it is free."""
        sources = self._model.inputs
        shapes = [_dimensions(source) for source in sources]
        kinds = [source.get_element_type().get_type_name() for source in sources]
        if len(sources) != 1 or len(shapes[0]) != 4 or shapes[0][1] not in (3, None) or kinds != ["f32"]:
            raise BundleError(
                f"{self.path}: expected one input (batch, 3, height, width) of f32, found {shapes} of {kinds}",
                hint="only networks of RGB images are run",
            )
        batch, _, height, width = shapes[0]
        return batch, None if height is None or width is None else (height, width)


def import_openvino() -> Any:
    """OpenVINO, imported so that it keeps to itself; NNCF, imported after it, does so, too.

    Raises:
        MissingExtra: it is not installed.
    """
    # Importing it sends a message to Google Analytics and leaves a file in the user's home, unless the package that
    # does so cannot be found.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("openvino", "openvino") from error
    return openvino


@cache
def _core() -> Any:
    """The one `openvino.Core` of the process, with its CPU plugin loaded."""
    import openvino

    with same_signal_stack():
        core = openvino.Core()
        # It would go on reading the file of the weights, and crash or mix two models where that is written over.
        core.set_property({"ENABLE_MMAP": False})
        core.get_property("CPU", "FULL_DEVICE_NAME")
    return core


def _config(openvino: Any, options: RunOptions) -> dict[str, Any]:
    config: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": getattr(openvino.Type, options.precision),
    }
    if options.threads is not None:
        config["INFERENCE_NUM_THREADS"] = options.threads
    return config


def _dimensions(port: Any) -> list[int | None]:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return []
    return [dimension.get_length() if dimension.is_static else None for dimension in shape]


def _columns(shapes: list[list[int | None]]) -> int | None:
    return shapes[0][-1] if shapes and shapes[0] else None


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
