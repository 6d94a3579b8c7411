"""The NVIDIA driver, asked before anything of CUDA or TensorRT is loaded; and memory on the first GPU.

Without a usable driver TensorRT hands out hollow objects, and the process ends in a segmentation fault. So the driver
is loaded on its own first, with ctypes, and what it lacks becomes an error like any other.
"""

from __future__ import annotations

import ctypes
import importlib
import platform
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import MissingExtra, RuntimeFailure

_DRIVER_HINT = "check with nvidia-smi that the driver is installed and works; a container needs --gpus all"
_HINTS = {  # CUresult of the driver API
    34: "a stub of the driver is loaded in its place; take the folder 'stubs' out of the library path",
    100: "no GPU is visible: check nvidia-smi and CUDA_VISIBLE_DEVICES; a container needs --gpus all",
    803: "driver and its libraries are of different versions; restart the machine after an update",
}
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CUdevice_attribute


@dataclass(frozen=True)
class Gpu:
    """The first GPU that CUDA_VISIBLE_DEVICES leaves visible.

    Attributes:
        name: as the driver calls it.
        capability: CUDA compute capability, (major, minor).
        memory: bytes in all.
        driver: the newest CUDA version that the driver can run, (major, minor).
    """

    name: str
    capability: tuple[int, int]
    memory: int
    driver: tuple[int, int]


def probe() -> Gpu:
    """Ask the driver for its first GPU; no library of CUDA or TensorRT is loaded.

    Raises:
        RuntimeFailure: there is no driver, it does not work, or it sees no GPU.
    """
    library = _load()
    _ask(library, "cuInit", 0)
    version, count, device = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    _ask(library, "cuDriverGetVersion", ctypes.byref(version))
    _ask(library, "cuDeviceGetCount", ctypes.byref(count))
    if count.value < 1:
        raise RuntimeFailure("expected an NVIDIA GPU, found none", hint=_HINTS[100])
    _ask(library, "cuDeviceGet", ctypes.byref(device), 0)
    name = ctypes.create_string_buffer(256)
    _ask(library, "cuDeviceGetName", name, len(name), device)
    memory, major, minor = ctypes.c_size_t(), ctypes.c_int(), ctypes.c_int()
    _ask(library, "cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    _ask(library, "cuDeviceGetAttribute", ctypes.byref(major), _CAPABILITY_MAJOR, device)
    _ask(library, "cuDeviceGetAttribute", ctypes.byref(minor), _CAPABILITY_MINOR, device)
    return Gpu(
        name=name.value.decode(errors="replace"),
        capability=(major.value, minor.value),
        memory=memory.value,
        driver=(version.value // 1000, version.value % 1000 // 10),
    )


class Memory:
    """Buffers on the GPU and page-locked buffers on the host, and the stream that copies between them.

    All of it is freed by `close`, or when the object is no longer used. `probe` must have succeeded before.

    Raises:
        MissingExtra: cuda-bindings is not installed.
        RuntimeFailure: CUDA refuses; the GPU may have no memory left.
    """

    def __init__(self) -> None:
        try:
            runtime: Any = importlib.import_module("cuda.bindings.runtime")
        except ImportError as error:
            raise MissingExtra("cuda-bindings", "tensorrt") from error
        self._cuda = runtime
        self._owned: list[Callable[[], Any]] = []
        self._finalizer = weakref.finalize(self, _free, self._owned)
        self._stream = self._call("cudaStreamCreateWithFlags", runtime.cudaStreamNonBlocking)
        self._owned.append(partial(runtime.cudaStreamDestroy, self._stream))

    @property
    def stream(self) -> int:
        """Handle of the stream."""
        return int(self._stream)

    def device(self, size: int) -> int:
        """Address of `size` new bytes on the GPU."""
        address = int(self._call("cudaMalloc", size))
        self._owned.append(partial(self._cuda.cudaFree, address))
        return address

    def pinned(self, size: int) -> NDArray[np.uint8]:
        """`size` new bytes of page-locked host memory, which can be copied while the processor goes on."""
        address = int(self._call("cudaMallocHost", size))
        self._owned.append(partial(self._cuda.cudaFreeHost, address))
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))

    def upload(self, source: NDArray[Any], target: int, size: int) -> None:
        """Copy the first `size` bytes of page-locked memory to the GPU, in stream order."""
        self._copy(target, source.ctypes.data, size, "cudaMemcpyHostToDevice")

    def download(self, source: int, target: NDArray[Any], size: int) -> None:
        """Copy `size` bytes from the GPU into page-locked memory, in stream order."""
        self._copy(target.ctypes.data, source, size, "cudaMemcpyDeviceToHost")

    def synchronize(self) -> None:
        """Wait until all that was asked of the stream is done."""
        self._call("cudaStreamSynchronize", self._stream)

    def close(self) -> None:
        """Free everything; more than once does no harm."""
        self._finalizer()

    def _copy(self, target: int, source: int, size: int, kind: str) -> None:
        self._call("cudaMemcpyAsync", target, source, size, getattr(self._cuda.cudaMemcpyKind, kind), self._stream)

    def _call(self, name: str, *arguments: Any) -> Any:
        status, *values = getattr(self._cuda, name)(*arguments)
        if int(status) != 0:
            reason = self._cuda.cudaGetErrorString(status)[1]
            raise RuntimeFailure(
                f"{name}: {reason.decode() if isinstance(reason, bytes) else reason}",
                hint="free memory on the GPU: nvidia-smi shows who uses it" if int(status) == 2 else _DRIVER_HINT,
            )
        return values[0] if values else None


def _free(owned: list[Callable[[], Any]]) -> None:
    while owned:
        owned.pop()()


def _load() -> Any:
    name = "nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1"
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise RuntimeFailure(f"expected an NVIDIA driver ({name}), found none", hint=_DRIVER_HINT) from error


def _ask(library: Any, name: str, *arguments: Any) -> None:
    try:
        status = int(getattr(library, name)(*arguments))
    except AttributeError as error:
        raise RuntimeFailure(f"expected an NVIDIA driver with {name}, found none", hint="update the driver") from error
    if status == 0:
        return
    text = ctypes.c_char_p()
    library.cuGetErrorString(status, ctypes.byref(text))
    reason = (text.value or b"unknown error").decode(errors="replace")
    raise RuntimeFailure(
        f"expected a working NVIDIA driver, but {name} fails: {reason} ({status})",
        hint=_HINTS.get(status, _DRIVER_HINT),
    )
