"""A recording fake of the `tensorrt` module: it builds plans that hold the ONNX file, and runs them in ONNX Runtime.

It has the names that this package calls, and no others. `tests/edge/test_tensorrt_names.py` compares them with the
lean bindings where those are installed, and with the sources of `DOCUMENTED` for what only the full package has.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

_BINDINGS = "github.com/NVIDIA/TensorRT python/src/infer/pyCore.cpp (10.15)"
_GRAPH = "github.com/NVIDIA/TensorRT python/src/infer/pyGraph.cpp"
_PARSER = "github.com/NVIDIA/TensorRT python/src/parsers/pyOnnx.cpp (10.15)"
_MIGRATION = "docs.nvidia.com/deeplearning/tensorrt/11.4.1/api/migration/tensorrt-10x-to-11x-python-api-patterns.html"
DOCUMENTED = {
    "Builder": dict.fromkeys(
        [
            "create_network",
            "create_builder_config",
            "create_optimization_profile",
            "build_serialized_network",
            "num_DLA_cores",
        ],
        _BINDINGS,
    ),
    "IBuilderConfig": dict.fromkeys(
        [
            "set_memory_pool_limit",
            "set_flag",
            "clear_flag",
            "hardware_compatibility_level",
            "default_device_type",
            "DLA_core",
            "add_optimization_profile",
            "create_timing_cache",
            "set_timing_cache",
            "get_timing_cache",
        ],
        _BINDINGS,
    ),
    "OnnxParser": dict.fromkeys(["parse_from_file", "num_errors", "get_error"], _PARSER),
    "INetworkDefinition": dict.fromkeys(["num_inputs", "get_input"], _GRAPH),
    "BuilderFlag of TensorRT 10": dict.fromkeys(["FP16", "INT8"], _MIGRATION),
}

_HEAD = b"ftrt" + bytes(20)


def plan_of(onnx: Path | bytes, *, version: str = "11.4.0.106", profiles: Sequence[Any] = ()) -> bytes:
    """A plan that the fake runs; its first 28 bytes are those of a real one."""
    numbers = ([int(part) for part in version.split(".")] + [0, 0])[:4]
    text = json.dumps([[list(shape) for shape in profile] for profile in profiles]).encode()
    content = onnx if isinstance(onnx, bytes) else onnx.read_bytes()
    return _HEAD + bytes(numbers) + len(text).to_bytes(4, "little") + text + content


class TensorIOMode(Enum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class MemoryPoolType(Enum):
    WORKSPACE = 0


class HardwareCompatibilityLevel(Enum):
    NONE = 0
    AMPERE_PLUS = 1
    SAME_COMPUTE_CAPABILITY = 2


class DeviceType(Enum):
    GPU = 0
    DLA = 1


class Severity(Enum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


class ILogger:
    Severity = Severity

    def __init__(self) -> None:
        self._ready = True

    def log(self, severity: Severity, msg: str) -> None:
        raise NotImplementedError


class IOptimizationProfile:
    def __init__(self) -> None:
        self._shapes: list[list[int]] = []

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None:
        self._shapes = [list(min), list(opt), list(max)]


class ITimingCache:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def serialize(self) -> bytearray:
        return bytearray(self._content)


class INetworkDefinition:
    def __init__(self) -> None:
        self._inputs: list[str] = []
        self._content = b""

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    def get_input(self, index: int) -> Any:
        return SimpleNamespace(name=self._inputs[index])


class ICudaEngine:
    def __init__(self, plan: bytes, *, backwards: bool) -> None:
        import onnxruntime

        length = int.from_bytes(plan[28:32], "little")
        self._profiles = json.loads(plan[32 : 32 + length])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(plan[32 + length :], options, providers=["CPUExecutionProvider"])
        outputs = [output.name for output in self._session.get_outputs()]
        # TensorRT promises no order; the fake is as unhelpful as it may be.
        self._names = [*(reversed(outputs) if backwards else outputs), self._session.get_inputs()[0].name]

    @property
    def num_io_tensors(self) -> int:
        return len(self._names)

    def get_tensor_name(self, index: int) -> str:
        return self._names[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name == self._source.name else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(side if isinstance(side, int) else -1 for side in self._tensor(name).shape)

    def get_tensor_dtype(self, name: str) -> str:
        return str(self._tensor(name).type)

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        assert name == self._source.name, "TensorRT has profile shapes of inputs only"
        if self._profiles:
            return [tuple(shape) for shape in self._profiles[profile_index]]
        return [self.get_tensor_shape(name)] * 3

    def create_execution_context(self) -> IExecutionContext | None:
        return IExecutionContext(self)

    @property
    def _source(self) -> Any:
        return self._session.get_inputs()[0]

    def _tensor(self, name: str) -> Any:
        return next(t for t in [*self._session.get_inputs(), *self._session.get_outputs()] if t.name == name)


class IExecutionContext:
    def __init__(self, engine: ICudaEngine) -> None:
        self._engine = engine
        self._addresses: dict[str, int] = {}
        self._shape = engine.get_tensor_shape(engine._source.name)

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert type(shape) is tuple
        least, _, most = self._engine.get_tensor_profile_shape(name, 0)
        if not all(low <= side <= high for low, side, high in zip(least, shape, most, strict=True)):
            return False
        self._shape = shape
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if name == self._engine._source.name:
            return self._shape
        shape = self._engine.get_tensor_shape(name)
        return shape if -1 not in shape else self._outputs(np.zeros(self._shape, self._dtype(name)))[name].shape

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert -1 not in self._shape, "the input has no shape yet"
        source = self._engine._source.name
        dtype = self._dtype(source)
        size = int(np.prod(self._shape)) * dtype.itemsize
        given = np.frombuffer(ctypes.string_at(self._addresses[source], size), dtype).reshape(self._shape)
        for name, output in self._outputs(given).items():
            ctypes.memmove(self._addresses[name], np.ascontiguousarray(output).ctypes.data, output.nbytes)
        return True

    def _outputs(self, given: np.ndarray) -> dict[str, np.ndarray]:
        session, source = self._engine._session, self._engine._source.name
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, {source: given}), strict=True))

    def _dtype(self, name: str) -> np.dtype:
        return np.dtype(nptype(self._engine.get_tensor_dtype(name)))


def nptype(trt_type: str) -> type:
    return {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64}[trt_type]


def make_tensorrt(
    version: str = "11.4.0.106",
    *,
    lean: bool = False,
    parser_errors: Sequence[str] = (),
    says: Sequence[tuple[Severity, str]] = (),
    builds: bool = True,
    dla_cores: int = 0,
    fits: Callable[[bytes], bool] = lambda content: True,
    loads: bool = True,
    backwards: bool = False,
    during: Callable[[], None] = lambda: None,
) -> Any:
    """The module.

    Args:
        version: of TensorRT; those before 11 have the flags of weak typing.
        lean: only what the lean runtime has.
        parser_errors: what the parser objects to.
        says: lines for the logger, while a plan is built or loaded.
        builds: whether a plan comes out of the builder.
        dla_cores: of the device.
        fits: whether the content of a timing cache is of this machine.
        loads: whether plans are loaded.
        backwards: whether outputs come in another order than in the ONNX file.
        during: called in the middle of a build.

    Returns:
        The module, with `calls`: what was called, in order, as tuples of name and arguments.
    """
    calls: list[tuple[Any, ...]] = []
    weak = {"FP16": 0, "INT8": 1} if int(version.partition(".")[0]) < 11 else {}
    flags = {**weak, "GPU_FALLBACK": 3, "TF32": 7, "VERSION_COMPATIBLE": 12, "EXCLUDE_LEAN_RUNTIME": 13}
    BuilderFlag = Enum("BuilderFlag", flags)  # type: ignore[misc]

    def speak(logger: Any) -> None:
        for severity, text in [(Severity.VERBOSE, "a detail"), *says]:
            logger.log(severity, text)

    class Runtime:
        def __init__(self, logger: ILogger) -> None:
            assert logger._ready, "the base class of the logger was not initialised"
            calls.append(("Runtime",))
            self._logger = logger
            self._allowed, self._core = False, -1

        @property
        def engine_host_code_allowed(self) -> bool:
            return self._allowed

        @engine_host_code_allowed.setter
        def engine_host_code_allowed(self, value: bool) -> None:
            calls.append(("engine_host_code_allowed", value))
            self._allowed = value

        @property
        def DLA_core(self) -> int:
            return self._core

        @DLA_core.setter
        def DLA_core(self, value: int) -> None:
            calls.append(("DLA_core", value))
            self._core = value

        def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
            calls.append(("deserialize_cuda_engine",))
            speak(self._logger)
            return ICudaEngine(serialized_engine, backwards=backwards) if loads else None

    class IBuilderConfig:
        def __init__(self) -> None:
            self._cache: ITimingCache | None = None
            self._profiles: list[list[list[int]]] = []

        def __setattr__(self, name: str, value: Any) -> None:
            if not name.startswith("_"):
                calls.append((name, value.name if isinstance(value, Enum) else value))
            object.__setattr__(self, name, value)

        hardware_compatibility_level = HardwareCompatibilityLevel.NONE
        default_device_type = DeviceType.GPU
        DLA_core = -1

        def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
            calls.append(("set_memory_pool_limit", pool.name, pool_size))

        def set_flag(self, flag: Any) -> None:
            calls.append(("set_flag", flag.name))

        def clear_flag(self, flag: Any) -> None:
            calls.append(("clear_flag", flag.name))

        def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
            calls.append(("add_optimization_profile", profile._shapes))
            self._profiles.append(profile._shapes)
            return len(self._profiles) - 1 if profile._shapes[2][0] < 1000 else -1

        def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
            calls.append(("create_timing_cache", serialized_timing_cache))
            return None if serialized_timing_cache == b"no cache" else ITimingCache(serialized_timing_cache)

        def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
            assert isinstance(cache, ITimingCache), "pybind11 takes no None here"
            calls.append(("set_timing_cache", ignore_mismatch))
            if cache._content and not fits(cache._content):
                return False
            self._cache = cache
            return True

        def get_timing_cache(self) -> ITimingCache | None:
            return self._cache

    class Builder:
        def __init__(self, logger: ILogger) -> None:
            assert logger._ready, "the base class of the logger was not initialised"
            calls.append(("Builder",))
            self._logger = logger

        @property
        def num_DLA_cores(self) -> int:
            return dla_cores

        def create_network(self, flags: int = 0) -> INetworkDefinition:
            calls.append(("create_network", flags))
            return INetworkDefinition()

        def create_builder_config(self) -> IBuilderConfig:
            calls.append(("create_builder_config",))
            return IBuilderConfig()

        def create_optimization_profile(self) -> IOptimizationProfile:
            return IOptimizationProfile()

        def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> memoryview | None:
            calls.append(("build_serialized_network",))
            speak(self._logger)
            during()
            if not builds:
                return None
            if config._cache is not None:
                config._cache._content += b" timed"
            return memoryview(plan_of(network._content, version=version, profiles=config._profiles))

    class OnnxParser:
        def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
            self._network = network

        @property
        def num_errors(self) -> int:
            return len(parser_errors)

        def get_error(self, index: int) -> str:
            return parser_errors[index]

        def parse_from_file(self, model: str) -> bool:
            import onnx

            assert type(model) is str
            content = onnx.load(model)
            names = {tensor.data_type for tensor in content.graph.initializer}
            calls.append(("parse_from_file", "float16" if onnx.TensorProto.FLOAT16 in names else "float32"))
            self._network._content = Path(model).read_bytes()
            self._network._inputs = [value.name for value in content.graph.input]
            return not parser_errors

    module = SimpleNamespace(
        __version__=version, calls=calls, ILogger=ILogger, Runtime=Runtime, TensorIOMode=TensorIOMode, nptype=nptype
    )
    if not lean:
        module.__dict__.update(
            Builder=Builder,
            BuilderFlag=BuilderFlag,
            DeviceType=DeviceType,
            HardwareCompatibilityLevel=HardwareCompatibilityLevel,
            IBuilderConfig=IBuilderConfig,
            MemoryPoolType=MemoryPoolType,
            OnnxParser=OnnxParser,
        )
    return module
