from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from support.engines import engine_of
from support.fake_cuda import CudaRuntime, Driver

from yolo_tl.edge import cuda
from yolo_tl.edge.cuda import Gpu, Memory, probe
from yolo_tl.errors import MissingExtra, RuntimeFailure

OPEN = """
import os, sys
from importlib.abc import MetaPathFinder
from pathlib import Path

class Crash(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0].startswith("tensorrt") or name.startswith("cuda."):
            os._exit(139)  # as TensorRT does without a driver, in the end

sys.meta_path.insert(0, Crash())
from yolo_tl.edge.tensorrt import TensorRtNetwork
from yolo_tl.errors import RuntimeFailure
try:
    TensorRtNetwork(Path(sys.argv[1]))
except RuntimeFailure as error:
    print(error)
"""


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[CudaRuntime]:
    fake = CudaRuntime()
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", fake)
    yield fake
    assert fake.held == {}, "something was not freed"


def test_what_the_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(name="Orin", capability=(8, 7), memory=8 << 30, version=12060)
    monkeypatch.setattr(cuda, "_load", lambda: driver)
    assert probe() == Gpu("Orin", (8, 7), 8 << 30, (12, 6))
    assert driver.asked[0] == "cuInit"


@pytest.mark.parametrize(
    ("driver", "message", "hint"),
    [
        (Driver(failing={"cuInit": 100}), r"cuInit fails: an error of the driver \(100\)", "CUDA_VISIBLE_DEVICES"),
        (Driver(failing={"cuInit": 803}), r"\(803\)", "restart"),
        (Driver(failing={"cuInit": 34}), r"\(34\)", "stubs"),
        (Driver(failing={"cuDeviceGetName": 999}), r"cuDeviceGetName fails: .* \(999\)", "nvidia-smi"),
        (Driver(count=0), "expected an NVIDIA GPU, found none", "CUDA_VISIBLE_DEVICES"),
        (object(), "expected an NVIDIA driver with cuInit, found none", "update"),
    ],
)
def test_a_driver_that_does_not_work(monkeypatch: pytest.MonkeyPatch, driver, message: str, hint: str) -> None:
    monkeypatch.setattr(cuda, "_load", lambda: driver)
    with pytest.raises(RuntimeFailure, match=message) as caught:
        probe()
    assert hint in caught.value.hint


def test_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(cuda.ctypes, "CDLL", absent)
    for system, name in (("Linux", r"libcuda\.so\.1"), ("Windows", r"nvcuda\.dll")):
        monkeypatch.setattr(cuda.platform, "system", lambda system=system: system)
        with pytest.raises(RuntimeFailure, match=rf"expected an NVIDIA driver \({name}\), found none"):
            probe()


def test_a_process_without_a_gpu_ends_cleanly(toy) -> None:
    try:
        probe()
    except RuntimeFailure:
        pass
    else:
        pytest.skip("this machine has a GPU")
    done = subprocess.run([sys.executable, "-c", OPEN, engine_of(toy())], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), "TensorRT was touched before the driver was asked"
    assert "expected an NVIDIA driver" in done.stdout


def test_bytes_go_to_the_device_and_back(runtime: CudaRuntime) -> None:
    memory = Memory()
    there, here, back = memory.device(16), memory.pinned(16), memory.pinned(16)
    here[:] = np.arange(16)
    memory.upload(here, there, 12)
    memory.download(there, back, 12)
    memory.synchronize()
    assert back[:12].tolist() == list(range(12))
    assert back[12:].any() == 0
    assert runtime.calls[-3:] == ["cudaMemcpyHostToDevice", "cudaMemcpyDeviceToHost", "cudaStreamSynchronize"]
    assert memory.stream == 7
    memory.close()
    memory.close()
    assert runtime.calls[-4:] == ["cudaFreeHost", "cudaFreeHost", "cudaFree", "cudaStreamDestroy"]


def test_memory_that_is_forgotten_is_freed(runtime: CudaRuntime) -> None:
    memory = Memory()
    memory.device(8)
    del memory
    gc.collect()
    assert runtime.held == {}


def test_a_gpu_without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", CudaRuntime(memory=100))
    memory = Memory()
    with pytest.raises(RuntimeFailure, match="cudaMalloc: out of memory") as caught:
        memory.device(101)
    assert "free memory" in caught.value.hint


def test_without_cuda_bindings_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(MissingExtra, match=r"cuda-bindings .*\n.*yolo-tl\[tensorrt\]"):
        Memory()
