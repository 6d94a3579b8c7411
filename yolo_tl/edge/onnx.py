"""An ONNX detector exported by Ultralytics, in ONNX Runtime: what it says of itself, and how to run it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats
from yolo_tl.edge.decode import Head
from yolo_tl.errors import BundleError, MissingExtra, UsageError

_REEXPORT = "export it again from its checkpoint"
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxModel:
    """A loaded network.

    Attributes:
        names: class names in order of class number.
        head: how the output is read.
        imgsz: height and width of the input in px; of a dynamic export, those it was exported for.
        batch: the one batch size it accepts, or None.
        dynamic: height and width may vary in multiples of `stride`.
        stride: px.
    """

    def __init__(self, path: Path, *, threads: int | None = None, providers: Sequence[Any] | None = None) -> None:
        self.path = path
        self._session = _session(path, threads=threads, providers=providers)
        metadata = _Metadata(path, self._session.get_modelmeta().custom_metadata_map)
        metadata.require_detect()
        self.names = metadata.names()
        self.stride = metadata.integer("stride")
        self.head = self._head(metadata)
        (source, *more), (target, *_) = self._session.get_inputs(), self._session.get_outputs()
        if more or source.type not in _DTYPES or len(source.shape) != 4 or source.shape[1] != 3:
            raise BundleError(
                f"{path}: expected one float input (batch, 3, height, width), found "
                f"{[(i.name, i.type, i.shape) for i in self._session.get_inputs()]}",
                hint="only detectors of RGB images are run",
            )
        self._input, self._dtype = source.name, _DTYPES[source.type]
        self._output = target.name
        batch, _, *size = source.shape
        self.batch: int | None = batch if isinstance(batch, int) else None
        self.dynamic = not all(isinstance(side, int) for side in size)
        self.imgsz = metadata.imgsz() if self.dynamic else (int(size[0]), int(size[1]))
        # NMS inside the graph is unrolled over the batch it was exported for, even if the batch axis is free.
        self._largest = self.batch or (metadata.integer("batch") if self.head == "nms" else None)
        self._require_layout(target.shape)

    def run(self, tensor: NDArray[np.float32]) -> Floats:
        """Images (B, 3, H, W), RGB in [0, 1] → outputs (B, ...), for any B.

        Raises:
            BundleError: the network cannot be run, or its output is not laid out as its metadata says.
        """
        step = self._largest or len(tensor)
        parts = [self._run(tensor[start : start + step]) for start in range(0, len(tensor), step)]
        output = parts[0] if len(parts) == 1 else np.concatenate(parts)
        self._require_layout(output.shape)
        return output

    def _run(self, tensor: NDArray[np.float32]) -> Floats:
        count = len(tensor)
        if self.batch is not None and count < self.batch:
            tensor = np.concatenate([tensor, np.zeros((self.batch - count, *tensor.shape[1:]), np.float32)])
        try:
            (output,) = self._session.run([self._output], {self._input: tensor.astype(self._dtype, copy=False)})
        except Exception as error:  # ONNX Runtime's errors have no common class of their own
            raise BundleError(
                f"{self.path}: ONNX Runtime failed on an input of shape {tensor.shape}: {_first_line(error)}",
                hint=_REEXPORT,
            ) from error
        result: Floats = output[:count]
        return result

    def _head(self, metadata: _Metadata) -> Head:
        # Never from the family name: a YOLO26 export may have any of the three heads.
        if metadata.arguments().get("nms"):
            return "nms"
        if metadata.literal("end2end", default=False):
            return "nms-free"
        columns = self._session.get_outputs()[0].shape[-1]
        return "nms" if columns == 6 else "raw"

    def _require_layout(self, shape: Sequence[Any]) -> None:
        """Free axes have a name instead of a number."""
        expected = (4 + len(self.names), None) if self.head == "raw" else (None, 6)
        found = list(shape[1:])
        if len(found) != 2 or any(
            want is not None and isinstance(have, int) and want != have
            for want, have in zip(expected, found, strict=True)
        ):
            layout = "(batch, 4 + classes, anchors)" if self.head == "raw" else "(batch, boxes, 6)"
            raise BundleError(
                f"{self.path}: expected an output {layout} for a {self.head} head with "
                f"{len(self.names)} classes, found {list(shape)}",
                hint=_REEXPORT,
            )


class _Metadata:
    """The strings that Ultralytics writes into an ONNX file; most are Python literals."""

    def __init__(self, path: Path, values: Mapping[str, str]) -> None:
        self._path = path
        self._values = values
        missing = [key for key in ("task", "names", "stride", "imgsz", "batch") if key not in values]
        if missing:
            raise BundleError(
                f"{path}: expected the metadata of an Ultralytics export, found none for: {', '.join(missing)}",
                hint="export the model with Ultralytics 8 or with this package",
            )

    def require_detect(self) -> None:
        task = self._values["task"]
        if task != "detect":
            raise BundleError(
                f"{self._path}: expected a model for the task detect, found {task}",
                hint="only detect is run; use Ultralytics itself for other tasks",
            )

    def literal(self, key: str, *, default: Any = None) -> Any:
        if key not in self._values:
            return default
        try:
            return ast.literal_eval(self._values[key])
        except (ValueError, SyntaxError) as error:
            raise self._unfit(key, "a Python literal") from error

    def integer(self, key: str) -> int:
        value = self.literal(key)
        if not isinstance(value, int) or value < 1:
            raise self._unfit(key, "a positive integer")
        return value

    def names(self) -> tuple[str, ...]:
        value = self.literal("names")
        if not isinstance(value, dict) or not value or sorted(value) != list(range(len(value))):
            raise self._unfit("names", "a name for each class number from 0 on")
        return tuple(str(value[i]) for i in range(len(value)))

    def imgsz(self) -> tuple[int, int]:
        value = self.literal("imgsz")
        if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(isinstance(v, int) for v in value):
            raise self._unfit("imgsz", "[height, width]")
        return value[0], value[1]

    def arguments(self) -> Mapping[str, Any]:
        value = self.literal("args", default={})
        if not isinstance(value, dict):
            raise self._unfit("args", "a dictionary")
        return value

    def _unfit(self, key: str, expected: str) -> BundleError:
        found = self._values[key]
        shown = found if len(found) <= 80 else found[:77] + "..."
        return BundleError(f"{self._path}: metadata {key}: expected {expected}, found {shown}", hint=_REEXPORT)


def _session(path: Path, *, threads: int | None, providers: Sequence[Any] | None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "edge") from error
    providers = list(providers or ["CPUExecutionProvider"])
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
    # Planning whole memory blocks costs resident memory and saves next to no time.
    options.enable_mem_pattern = False
    # Waiting threads sleep instead of spinning. On an idle machine that costs some latency; on one whose cores
    # are wanted by others (a camera, a second model), spinning costs more, in latency and in CPU time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
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
