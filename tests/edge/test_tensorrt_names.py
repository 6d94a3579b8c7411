"""The names that the fakes have exist: in the lean bindings and cuda-bindings where installed, else in the sources."""

from __future__ import annotations

import inspect
import re
from types import ModuleType
from typing import Any

import pytest
from support import fake_tensorrt
from support.fake_cuda import CudaRuntime, cudaMemcpyKind
from support.fake_tensorrt import DOCUMENTED, make_tensorrt

from yolo_tl.edge.tensorrt_log import errors_of, new_log

CLASSES = ["Runtime", "ICudaEngine", "IExecutionContext", "IOptimizationProfile", "ITimingCache", "ILogger"]
ENUMS = ["TensorIOMode", "MemoryPoolType", "HardwareCompatibilityLevel", "DeviceType", "BuilderFlag"]


@pytest.fixture(scope="module")
def lean() -> ModuleType:
    return pytest.importorskip("tensorrt_lean_bindings")


def fake(name: str) -> Any:
    return getattr(make_tensorrt(), name, None) or getattr(fake_tensorrt, name)


def public(kind: type) -> list[str]:
    return [name for name in vars(kind) if not name.startswith("_")]


@pytest.mark.parametrize("name", CLASSES)
def test_methods_are_those_of_the_bindings(lean: ModuleType, name: str) -> None:
    real, ours = getattr(lean, name), fake(name)
    for member in public(ours):
        assert hasattr(real, member), f"{name}.{member}"
        function = vars(ours)[member]
        if inspect.isfunction(function):
            wanted = list(inspect.signature(function).parameters)[1:]
            assert wanted in calls_of(getattr(real, member)), f"{name}.{member}: {getattr(real, member).__doc__}"


def calls_of(method: Any) -> list[list[str]]:
    """Parameters that each overload can be called with in order, from the docstring that pybind11 writes."""
    calls = []
    for text in re.findall(rf"{method.__name__}\(self: [^,)]*(?:, )?(.*)\) ->", method.__doc__):
        parameters = re.findall(r"(?:^|, )(\w+): [^,=]*(=[^,]*)?", text)
        needed = sum(not default for _, default in parameters)
        names = [name for name, _ in parameters]
        calls += [names[:count] for count in range(needed, len(names) + 1)]
    return calls


@pytest.mark.parametrize("name", ENUMS)
def test_members_are_those_of_the_bindings(lean: ModuleType, name: str) -> None:
    real = getattr(lean, name)
    for member in fake(name):
        assert member.name in real.__members__, f"{name}.{member.name}"
        assert real.__members__[member.name].name == member.name


def test_weak_typing_is_gone_in_11(lean: ModuleType) -> None:
    assert not {"FP16", "INT8"} & set(lean.BuilderFlag.__members__)
    assert not {"FP16", "INT8"} & {member.name for member in make_tensorrt("11.0.0").BuilderFlag}
    assert {"FP16", "INT8"} <= {member.name for member in make_tensorrt("10.0.0").BuilderFlag}


def test_the_logger_is_one_of_the_bindings(lean: ModuleType) -> None:
    log = new_log(lean)
    assert isinstance(log, lean.ILogger)
    for severity in (lean.ILogger.Severity.VERBOSE, lean.ILogger.Severity.INFO, lean.ILogger.Severity.ERROR):
        log.log(severity, f"a line of {severity.name}")
    assert list(log.lines) == [("INFO", "a line of INFO"), ("ERROR", "a line of ERROR")]
    assert errors_of(log.lines) == ["a line of ERROR"]


def test_types_map_to_numpy_in_the_bindings(lean: ModuleType) -> None:
    for text, kind in (("tensor(float)", lean.float32), ("tensor(float16)", lean.float16)):
        assert fake_tensorrt.nptype(text) is lean.nptype(kind)


def test_what_only_the_full_package_has_is_documented() -> None:
    module = make_tensorrt("10.13.0")
    for name in ("Builder", "IBuilderConfig", "OnnxParser", "INetworkDefinition"):
        assert sorted(public(getattr(module, name, None) or fake(name))) == sorted(DOCUMENTED[name])
    new = {member.name for member in make_tensorrt("11.0.0").BuilderFlag}
    assert {member.name for member in module.BuilderFlag} - new == set(DOCUMENTED["BuilderFlag of TensorRT 10"])
    assert all(source for names in DOCUMENTED.values() for source in names.values())
    known = {*CLASSES, *ENUMS, *DOCUMENTED, "nptype", "calls", "__version__"}
    assert set(vars(module)) <= known, "a name of the module that nothing is compared with"


def test_cuda_bindings() -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime")
    for name in public(CudaRuntime):
        assert hasattr(runtime, name), name
    assert runtime.cudaStreamNonBlocking == CudaRuntime.cudaStreamNonBlocking
    for kind in cudaMemcpyKind:
        assert int(getattr(runtime.cudaMemcpyKind, kind.name)) == kind.value
    assert int(runtime.cudaError_t.cudaErrorMemoryAllocation) == 2
    for name in public(CudaRuntime):
        function = vars(CudaRuntime)[name]
        if inspect.isfunction(function):
            wanted = list(inspect.signature(function).parameters)[1:]
            declared = getattr(runtime, name).__doc__.splitlines()[0].partition("(")[2].rpartition(")")[0]
            found = [part.split(":")[0].split()[-1] for part in declared.split(",") if part.strip()]
            assert wanted == found, name
