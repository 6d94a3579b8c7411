"""Plans of the fake TensorRT, with sidecars, and a machine that has a GPU and a TensorRT."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from support.fake_cuda import CudaRuntime, Driver
from support.fake_tensorrt import make_tensorrt, plan_of
from yolo_tl.edge import cuda
from yolo_tl.edge.engine_file import write_engine
from yolo_tl.edge.engine_info import EngineInfo, platform_name
from yolo_tl.exporting.onnx_graph import OnnxGraph

MODULES = ("tensorrt", "tensorrt_bindings", "tensorrt_lean", "tensorrt_lean_bindings")


def give_gpu(monkeypatch: pytest.MonkeyPatch, *, driver: Driver | None = None, **modules: Any) -> CudaRuntime:
    """Pretend that there is a GPU, and these modules of TensorRT and no others; without any, the full one."""
    options = (driver or Driver()).options
    monkeypatch.setattr(cuda, "_load", lambda: Driver(**options))  # one for each `probe`, as each begins anew
    runtime = CudaRuntime()
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", runtime)
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, modules.get(name) if modules else None)
    if not modules:
        monkeypatch.setitem(sys.modules, "tensorrt", make_tensorrt())
    return runtime


def engine_of(onnx: Path, *, version: str = "11.4.0.106", profiles: Any = (), **info: Any) -> Path:
    """Write ``toy.engine`` beside an ONNX file, as if it had been built on the GPU of `give_gpu`."""
    graph = OnnxGraph.read(onnx)
    values = {
        "tensorrt": version,
        "metadata": graph.metadata,
        "platform": platform_name(),
        "gpu": "NVIDIA H200",
        "capability": (9, 0),
        "precision": "fp32",
        "outputs": graph.outputs,
        "source": {"file": onnx.name, "sha256": "ab" * 32},
        **info,
    }
    path = onnx.with_suffix(".engine")
    write_engine(path, plan_of(onnx, version=version, profiles=profiles), EngineInfo(**values))
    return path
