"""A fake driver and a fake `cuda.bindings.runtime`: the GPU's memory is memory of the host, and nothing may leak."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Any


class Driver:
    """libcuda as `yolo_tl.edge.cuda` asks it.

    Args:
        failing: function name → CUresult it returns.
    """

    def __init__(
        self,
        *,
        name: str = "NVIDIA H200",
        capability: tuple[int, int] = (9, 0),
        memory: int = 139 << 30,
        count: int = 1,
        version: int = 13000,
        failing: dict[str, int] | None = None,
    ) -> None:
        self._values = {"name": name, "capability": capability, "memory": memory, "count": count, "version": version}
        self._failing = failing or {}
        self.options: dict[str, Any] = {**self._values, "failing": failing}
        self.asked: list[str] = []

    def _answer(self, name: str, target: Any = None, value: Any = None) -> int:
        self.asked.append(name)
        if target is not None:
            target._obj.value = value
        return self._failing.get(name, 0)

    def cuInit(self, flags: int) -> int:
        assert not self.asked, "cuInit comes first"
        assert flags == 0
        return self._answer("cuInit")

    def cuDriverGetVersion(self, version: Any) -> int:
        return self._answer("cuDriverGetVersion", version, self._values["version"])

    def cuDeviceGetCount(self, count: Any) -> int:
        return self._answer("cuDeviceGetCount", count, self._values["count"])

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:
        return self._answer("cuDeviceGet", device, ordinal)

    def cuDeviceGetName(self, buffer: Any, length: int, device: Any) -> int:
        buffer.value = str(self._values["name"]).encode()[: length - 1]
        return self._answer("cuDeviceGetName")

    def cuDeviceTotalMem_v2(self, memory: Any, device: Any) -> int:
        return self._answer("cuDeviceTotalMem_v2", memory, self._values["memory"])

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> int:
        return self._answer("cuDeviceGetAttribute", value, self._values["capability"][attribute - 75])  # type: ignore[index]

    def cuGetErrorString(self, status: int, text: Any) -> int:
        text._obj.value = b"an error of the driver"
        return 0


class Status(IntEnum):
    """`cudaError_t`."""

    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2


class cudaMemcpyKind(IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class CudaRuntime:
    """`cuda.bindings.runtime`; each function returns a tuple that begins with the status.

    Attributes:
        calls: names, in order.
        held: addresses that were given out and not taken back, and streams.
    """

    cudaStreamNonBlocking = 1
    cudaMemcpyKind = cudaMemcpyKind

    def __init__(self, *, memory: int | None = None) -> None:
        self.calls: list[str] = []
        self.held: dict[int, Any] = {}
        self._memory = memory

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Status, int]:
        self.calls.append("cudaStreamCreateWithFlags")
        self.held[7] = "stream"
        return Status.cudaSuccess, 7

    def cudaStreamDestroy(self, stream: int) -> tuple[Status]:
        return self._free("cudaStreamDestroy", stream)

    def cudaStreamSynchronize(self, stream: int) -> tuple[Status]:
        self.calls.append("cudaStreamSynchronize")
        return (Status.cudaSuccess,)

    def cudaMalloc(self, size: int) -> tuple[Status, int | None]:
        return self._allocate("cudaMalloc", size)

    def cudaMallocHost(self, size: int) -> tuple[Status, int | None]:
        return self._allocate("cudaMallocHost", size)

    def cudaFree(self, devPtr: int) -> tuple[Status]:
        return self._free("cudaFree", devPtr)

    def cudaFreeHost(self, ptr: int) -> tuple[Status]:
        return self._free("cudaFreeHost", ptr)

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: cudaMemcpyKind, stream: int) -> tuple[Status]:
        assert stream == 7
        self.calls.append(kind.name)
        ctypes.memmove(dst, src, count)
        return (Status.cudaSuccess,)

    def cudaGetErrorString(self, error: Status) -> tuple[Status, bytes]:
        return Status.cudaSuccess, b"out of memory"

    def _allocate(self, name: str, size: int) -> tuple[Status, int | None]:
        self.calls.append(name)
        if self._memory is not None and size > self._memory:
            return Status.cudaErrorMemoryAllocation, None
        buffer = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(buffer)] = buffer
        return Status.cudaSuccess, ctypes.addressof(buffer)

    def _free(self, name: str, handle: int) -> tuple[Status]:
        self.calls.append(name)
        del self.held[handle]  # freeing twice, or what was never given out, is an error here
        return (Status.cudaSuccess,)
