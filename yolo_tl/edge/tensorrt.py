"""A TensorRT plan, run without torch: the full runtime where it is installed, else the lean one.

Not run on hardware: the calls are those of the documentation of TensorRT 10 and 11 and of the lean bindings 11.4, and
are held by tests with a fake in place of TensorRT.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.cuda import Gpu, Memory, probe
from yolo_tl.edge.engine_file import EngineFile, read_engine
from yolo_tl.edge.engine_info import EngineInfo
from yolo_tl.edge.metadata import Metadata
from yolo_tl.edge.network import Outputs, RunOptions, in_batches, require_layout
from yolo_tl.edge.tensorrt_log import errors_of, new_log
from yolo_tl.errors import BundleError, MissingExtra, RuntimeFailure

_MODULES = {  # without the meta package, the wheel of the bindings goes by its own name
    "tensorrt": False,
    "tensorrt_bindings": False,
    "tensorrt_lean": True,
    "tensorrt_lean_bindings": True,
}
_REBUILD = "build it again on this device from the ONNX file of the bundle: yolo-tl export --format engine"


@dataclass(frozen=True)
class Runtime:
    """An installed TensorRT.

    Attributes:
        module: its Python bindings.
        version: its version.
        lean: whether it only runs plans, and of those the version-compatible ones.
    """

    module: Any
    version: str
    lean: bool


def installed_runtimes() -> list[Runtime]:
    """Every TensorRT that can be imported, the full ones first; `probe` must have succeeded before."""
    found = []
    for name, lean in _MODULES.items():
        try:
            module = importlib.import_module(name)
        except (ImportError, OSError):  # a wheel without its libraries raises either
            continue
        found.append(Runtime(module, str(module.__version__), lean))
    return found


@dataclass(frozen=True)
class _Tensor:
    """An input or output of the plan, and its memory at the largest shape."""

    name: str
    dtype: np.dtype[Any]
    device: int
    host: NDArray[np.uint8]

    def view(self, shape: Sequence[int]) -> NDArray[Any]:
        """The host memory as an array of this shape."""
        return self.host[: self.size(shape)].view(self.dtype).reshape(shape)

    def size(self, shape: Sequence[int]) -> int:
        return int(np.prod(shape)) * self.dtype.itemsize


class TensorRtNetwork:
    """A `Network` in TensorRT on the first GPU that CUDA_VISIBLE_DEVICES leaves visible.

    Args:
        path: the ``.engine`` file: a plan with its sidecar, or a file of Ultralytics.
        options: nothing of it concerns TensorRT; precision and memory are decided when the plan is built.

    Raises:
        BundleError: the plan is damaged, or was built for another TensorRT, GPU or platform. That is found before
            TensorRT loads it.
        MissingExtra: neither TensorRT nor its lean runtime is installed, or cuda-bindings is not.
        RuntimeFailure: no driver, no GPU, or no memory left on it.
    """

    def __init__(self, path: Path, options: RunOptions | None = None) -> None:
        self.path = path
        file = read_engine(path)
        gpu = probe()
        runtime = _fitting(path, file.info, gpu)
        plan = file.plan()
        trt = runtime.module
        self._lock = threading.Lock()
        self._memory: Memory | None = Memory()
        self._log = new_log(trt)
        # Held for as long as what they made is in use.
        self._runtime, self._engine = _load(trt, file, plan, self._log)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise self._failure("TensorRT cannot prepare a run", "free memory on the GPU")
        self._prepare(trt, file.info)

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Images (B, 3, H, W) in [0, 1] → outputs (B, ...), for any B.

        Raises:
            BundleError: the input is of a shape that the plan was not built for.
            RuntimeFailure: CUDA or TensorRT fails, or the network is closed.
        """
        with self._lock:
            return in_batches(self._run, tensor, size=self._largest, fixed=self._fixed)

    def close(self) -> None:
        """Free the memory on the GPU; more than once does no harm."""
        with self._lock:
            self._context = self._engine = self._runtime = None
            if self._memory is not None:
                self._memory.close()
                self._memory = None

    def __enter__(self) -> TensorRtNetwork:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, trt: Any, info: EngineInfo) -> None:
        """Read inputs and outputs, and give them memory for the largest shape there is."""
        engine = self._engine
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        shapes = {name: tuple(engine.get_tensor_shape(name)) for name in names}
        if len(inputs) != 1 or len(shapes[inputs[0]]) != 4 or shapes[inputs[0]][1] != 3:
            raise BundleError(
                f"{self.path}: expected one input (batch, 3, height, width), found "
                f"{[(name, list(shapes[name])) for name in inputs]}",
                hint="only networks of RGB images are run",
            )
        source = inputs[0]
        outputs = [name for name in info.outputs if name in names] or sorted(set(names) - {source})
        batch, _, *size = shapes[source]
        least, _, most = (tuple(shape) for shape in engine.get_tensor_profile_shape(source, 0))
        self.info = Metadata(self.path, info.metadata).info(
            columns=shapes[outputs[0]][-1],
            size=None if -1 in size else (int(size[0]), int(size[1])),
            batch=None if batch == -1 else int(batch),
        )
        require_layout(self.info, [_free(shapes[name]) for name in outputs], path=self.path)
        self._range = least, most
        self._dynamic = -1 in shapes[source]
        self._largest, self._fixed = int(most[0]), least[0] == most[0]
        self._shape = self._set_shape(source, most)
        memory = self._used()
        self._input, *self._outputs = (self._tensor(trt, name, memory) for name in (source, *outputs))

    def _tensor(self, trt: Any, name: str, memory: Memory) -> _Tensor:
        shape = tuple(self._context.get_tensor_shape(name))
        dtype = np.dtype(trt.nptype(self._engine.get_tensor_dtype(name)))
        if min(shape) < 0 or dtype not in (np.dtype(np.float32), np.dtype(np.float16)):
            raise BundleError(
                f"{self.path}: expected {name} in float of a known size, found {dtype} {list(shape)}", hint=_REBUILD
            )
        size = int(np.prod(shape)) * dtype.itemsize
        tensor = _Tensor(name, dtype, memory.device(size), memory.pinned(size))
        if not self._context.set_tensor_address(name, tensor.device):
            raise self._failure(f"TensorRT refuses the memory of {name}", _REBUILD)
        return tensor

    def _run(self, images: NDArray[np.float32]) -> Outputs:
        memory = self._used()
        if images.shape != self._shape:
            self._shape = self._set_shape(self._input.name, images.shape)
        np.copyto(self._input.view(images.shape), images, casting="same_kind")
        memory.upload(self._input.host, self._input.device, self._input.size(images.shape))
        if not self._context.execute_async_v3(memory.stream):
            raise self._failure("TensorRT cannot run the plan", _REBUILD)
        shapes = [tuple(self._context.get_tensor_shape(output.name)) for output in self._outputs]
        for output, shape in zip(self._outputs, shapes, strict=True):
            memory.download(output.device, output.host, output.size(shape))
        memory.synchronize()
        return tuple(output.view(shape).copy() for output, shape in zip(self._outputs, shapes, strict=True))

    def _set_shape(self, name: str, shape: Sequence[int]) -> tuple[int, ...]:
        least, most = self._range
        fits = len(shape) == len(least) and all(
            low <= side <= high for low, side, high in zip(least, shape, most, strict=True)
        )
        if not fits or (self._dynamic and not self._context.set_input_shape(name, tuple(shape))):
            between = f"{list(least)}" if least == most else f"{list(least)} to {list(most)}"
            raise BundleError(
                f"{self.path}: expected an input of shape {between}, found {list(shape)}",
                hint="build the plan with profiles that hold this shape",
            )
        return tuple(shape)

    def _used(self) -> Memory:
        if self._memory is None:
            raise RuntimeFailure(f"{self.path}: expected an open network, found a closed one", hint="open it again")
        return self._memory

    def _failure(self, what: str, hint: str) -> RuntimeFailure:
        return RuntimeFailure(f"{self.path}: {what}{_because(self._log)}", hint=hint)


def _fitting(path: Path, info: EngineInfo, gpu: Gpu) -> Runtime:
    """The first installed runtime that can run the plan; if none can, the reason of the first."""
    runtimes = installed_runtimes()
    if not runtimes:
        raise MissingExtra("TensorRT or its lean runtime", "tensorrt")
    refusals = []
    for runtime in runtimes:
        try:
            info.require_here(path=path, tensorrt=runtime.version, lean=runtime.lean, gpu=gpu)
        except BundleError as error:
            refusals.append(error)
        else:
            return runtime
    raise refusals[0]


def _load(trt: Any, file: EngineFile, plan: bytes, log: Any) -> tuple[Any, Any]:
    runtime = trt.Runtime(log)
    if file.info.lean_runtime:  # the plan brings the runtime it was built with, which is code that runs here
        runtime.engine_host_code_allowed = True
    if file.info.dla is not None:
        runtime.DLA_core = file.info.dla
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise BundleError(f"{file.path}: TensorRT {trt.__version__} cannot load the plan{_because(log)}", hint=_REBUILD)
    return runtime, engine


def _because(log: Any) -> str:
    return "".join(f"\n  {text}" for text in errors_of(log.lines))


def _free(shape: Sequence[int]) -> list[int | str]:
    return ["free" if side == -1 else side for side in shape]
