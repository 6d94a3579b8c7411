"""An ONNX file in ONNX Runtime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.metadata import Metadata
from yolo_tl.edge.network import Outputs, RunOptions, in_batches, require_layout
from yolo_tl.errors import BundleError, MissingExtra, UsageError

_REEXPORT = "export it again from its checkpoint"
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxNetwork:
    """A `Network` in ONNX Runtime, from a file that Ultralytics exported.

    Args:
        path: the ``.onnx`` file.
        options: threads and execution providers.

    Raises:
        BundleError: the file is damaged, or no export of Ultralytics.
        MissingExtra: onnxruntime is not installed.
        UsageError: an execution provider that this onnxruntime does not have.
    """

    def __init__(self, path: Path, options: RunOptions | None = None) -> None:
        self.path = path
        self._session = _session(path, options or RunOptions())
        metadata = Metadata(path, self._session.get_modelmeta().custom_metadata_map)
        (source, *more), targets = self._session.get_inputs(), self._session.get_outputs()
        if more or source.type not in _DTYPES or len(source.shape) != 4 or source.shape[1] != 3:
            raise BundleError(
                f"{path}: expected one float input (batch, 3, height, width), found "
                f"{[(i.name, i.type, i.shape) for i in self._session.get_inputs()]}",
                hint="only networks of RGB images are run",
            )
        self._input, self._dtype = source.name, _DTYPES[source.type]
        self._outputs = [target.name for target in targets]
        batch, _, *size = source.shape
        self.info = metadata.info(
            columns=targets[0].shape[-1],
            size=(int(size[0]), int(size[1])) if all(isinstance(side, int) for side in size) else None,
            batch=batch if isinstance(batch, int) else None,
        )
        # NMS inside the graph is unrolled over the batch it was exported for, even if the batch axis is free.
        self._largest = self.info.batch or (metadata.batch() if self.info.head == "nms" else None)
        require_layout(self.info, [target.shape for target in targets], path=path)

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Images (B, 3, H, W) in [0, 1] → outputs (B, ...), for any B.

        Raises:
            BundleError: the network cannot be run, or its output is not laid out as its metadata says.
        """
        outputs = in_batches(self._run, tensor, size=self._largest, fixed=self.info.batch is not None)
        require_layout(self.info, [output.shape for output in outputs], path=self.path)
        return outputs

    def _run(self, tensor: NDArray[np.float32]) -> Outputs:
        try:
            return tuple(self._session.run(self._outputs, {self._input: tensor.astype(self._dtype, copy=False)}))
        except Exception as error:  # ONNX Runtime's errors have no common class of their own
            raise BundleError(
                f"{self.path}: ONNX Runtime failed on an input of shape {tensor.shape}: {_first_line(error)}",
                hint=_REEXPORT,
            ) from error


def import_onnxruntime() -> Any:
    """ONNX Runtime, imported so that it keeps to itself.

    Raises:
        MissingExtra: it is not installed.
    """
    # From 1.31 on it collects events under an identifier of the device in the user's home, to be sent to Microsoft,
    # unless it is told before it is imported that it must not. `disable_telemetry_events` comes too late.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "") from error
    return onnxruntime


def _session(path: Path, chosen: RunOptions) -> Any:
    onnxruntime = import_onnxruntime()
    providers = list(chosen.providers or ["CPUExecutionProvider"])
    available = onnxruntime.get_available_providers()
    for provider in providers:
        name = provider if isinstance(provider, str) else provider[0]
        if name not in available:
            raise UsageError(
                f"providers: {name} is not part of the installed onnxruntime, which has {', '.join(available)}",
                hint="install the onnxruntime package that contains it",
            )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised; the log would say it twice
    options.enable_mem_pattern = chosen.memory_pattern
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(chosen.spinning)))
    if chosen.threads is not None:
        options.intra_op_num_threads = chosen.threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors have no common class of their own
        raise BundleError(
            f"{path}: expected an ONNX model, but ONNX Runtime cannot load it: {_first_line(error)}",
            hint="the file may be damaged or cut off; copy it again or " + _REEXPORT,
        ) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
