"""TensorRT plans, built on the machine that will run them.

Two ways lead to a precision. TensorRT 10 takes a float32 file and flags that allow less. TensorRT 11 does exactly what
the file says (strong typing), so float16 is written into the file first. 8 bit is in the file for both (QuantizeLinear
and DequantizeLinear, signed around zero), and what they leave in float stays in float32.

Not run on hardware: the calls are those of NVIDIA's documentation and of the published source of the bindings, and are
held by tests with a fake in place of TensorRT.
"""

from __future__ import annotations

import importlib
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from yolo_tl.edge.cuda import Gpu, probe
from yolo_tl.edge.engine_file import write_engine
from yolo_tl.edge.engine_info import Compatibility, EngineInfo, platform_name
from yolo_tl.edge.tensorrt_log import errors_of, new_log
from yolo_tl.errors import ConfigError, ExportError, MissingExtra
from yolo_tl.exporting.engine_request import GIB, EngineRequest, Precision, Profile
from yolo_tl.exporting.half import halve
from yolo_tl.exporting.onnx_graph import OnnxGraph
from yolo_tl.files import sha256, write_bytes, write_text

_LEVELS: dict[Compatibility, str] = {
    "none": "NONE",
    "same-capability": "SAME_COMPUTE_CAPABILITY",
    "ampere-plus": "AMPERE_PLUS",
}
# A builder without memory skips what does not fit, and then finds nothing left to choose from.
_NO_MEMORY = re.compile(r"out ?of ?memory|insuff?icient memory|not have sufficient workspace", re.IGNORECASE)
_NO_CHOICE = re.compile(r"could not find any implementation", re.IGNORECASE)


def build_engine(
    onnx: Path,
    target: Path,
    *,
    precision: Precision = "fp32",
    workspace_gib: float | None = None,
    profiles: Sequence[Profile] = (),
    version_compatible: bool = False,
    lean_runtime: bool = True,
    hardware_compatibility: Compatibility = "none",
    timing_cache: Path | None = None,
    dla: int | None = None,
    log: Path | None = None,
) -> EngineInfo:
    """Build a plain plan and its sidecar from an ONNX file, for this GPU.

    It takes minutes, in which Ctrl-C is only heard when TensorRT returns; nothing is left then.

    Args:
        onnx: the file; for ``int8`` with QuantizeLinear and DequantizeLinear, signed around zero.
        target: the plan, ``.engine``; the sidecar goes beside it.
        precision: ``fp32`` means it: TF32, which TensorRT allows by default, is off.
        workspace_gib: most memory of one operation in GiB; None for all that the GPU has.
        profiles: of a file with free sizes; none takes from one image of one stride to the size it was exported for.
        version_compatible: later versions and the lean runtime can run it, if not as fast.
        lean_runtime: a version-compatible plan brings its runtime (tens of MB, and code that runs with it).
        hardware_compatibility: GPUs it runs on; more of them cost speed.
        timing_cache: kept between builds, which it makes shorter; one that does not fit is replaced.
        dla: core of the deep learning accelerator; TensorRT 10 only.
        log: where TensorRT's messages go, also when the build fails.

    Returns:
        What the sidecar says.

    Raises:
        ConfigError: the request cannot mean anything for this file or this GPU.
        ExportError: TensorRT cannot parse the file or build the plan; its errors are in the message.
        MissingExtra: TensorRT with its builder is not installed.
        RuntimeFailure: no driver or no GPU.
        WriteError: the plan could not be written; what was there before is untouched.
    """
    request = EngineRequest(
        precision, workspace_gib, tuple(profiles), version_compatible, lean_runtime, hardware_compatibility, dla
    )
    graph = OnnxGraph.read(onnx)
    request.require_file(graph)
    chosen = request.profiles_of(graph)
    gpu = probe()
    request.require_gpu(gpu)
    trt = _tensorrt()
    major = _supported_major(trt, request)
    messages = new_log(trt)
    started = time.perf_counter()
    with _kept(messages, log), tempfile.TemporaryDirectory(prefix="yolo_tl-engine-") as folder:
        source = onnx
        if major >= 11 and precision == "fp16" and not graph.half:
            source = Path(folder) / onnx.name
            halve(onnx, source)
        builder = trt.Builder(messages)
        network = builder.create_network(0)
        _parse(trt, network, messages, source)
        config = builder.create_builder_config()
        flags = _configure(trt, builder, config, major, request)
        for profile in chosen:
            _add_profile(builder, config, network, profile)
        cached = None if timing_cache is None else _use_cache(config, timing_cache)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise _failed(onnx, messages, workspace_gib, gpu)
        if timing_cache is not None:
            _keep_cache(config, timing_cache)
        info = EngineInfo(
            tensorrt=str(trt.__version__),
            metadata=graph.metadata,
            platform=platform_name(),
            gpu=gpu.name,
            capability=gpu.capability,
            precision=precision,
            version_compatible=version_compatible,
            lean_runtime=version_compatible and lean_runtime,
            hardware_compatibility=hardware_compatibility,
            dla=dla,
            flags=flags,
            profiles=[{name: profile.to_json() for name in graph.inputs} for profile in chosen],
            outputs=graph.outputs,
            source={"file": onnx.name, "sha256": sha256(onnx)},
            build={
                "cuda": f"{gpu.driver[0]}.{gpu.driver[1]}",
                "workspace_gib": workspace_gib,
                "timing_cache": cached,
                "seconds": round(time.perf_counter() - started, 1),
            },
        )
        return write_engine(target, plan, info)


def _tensorrt() -> Any:
    try:
        return importlib.import_module("tensorrt")
    except (ImportError, OSError) as error:  # a wheel without its libraries raises either
        missing = MissingExtra("TensorRT with its builder", "tensorrt")
        missing.hint = "install NVIDIA's tensorrt for this CUDA version; JetPack brings it (apt install tensorrt)"
        raise missing from error


def _supported_major(trt: Any, request: EngineRequest) -> int:
    version = str(trt.__version__)
    major = int(version.partition(".")[0])
    if major not in (10, 11) or version == "10.2.0" or version.startswith("10.2.0."):  # Ultralytics refuses it, too
        raise ExportError(
            f"expected TensorRT 10 (but not 10.2.0) or 11, found {version}",
            hint="install another version of tensorrt",
        )
    if request.dla is not None and major >= 11:
        raise ConfigError(f"dla: no plans for a DLA are built with TensorRT {version}", hint="use TensorRT 10")
    return major


def _parse(trt: Any, network: Any, messages: Any, source: Path) -> None:
    parser = trt.OnnxParser(network, messages)
    if parser.parse_from_file(str(source)):
        return
    errors = [str(parser.get_error(i)) for i in range(parser.num_errors)] or errors_of(messages.lines)
    raise ExportError(
        f"{source.name}: TensorRT {trt.__version__} cannot read the file:{_listed(errors)}",
        hint="export with another opset, or with head raw",
    )


def _configure(trt: Any, builder: Any, config: Any, major: int, request: EngineRequest) -> tuple[str, ...]:
    """Set limits and flags; returns the flags."""
    if request.workspace_gib is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, int(request.workspace_gib * GIB))
    config.hardware_compatibility_level = getattr(
        trt.HardwareCompatibilityLevel, _LEVELS[request.hardware_compatibility]
    )
    flags = []
    if major < 11 and request.precision != "fp32":
        flags.append(request.precision.upper())
    if request.version_compatible:
        flags.append("VERSION_COMPATIBLE")
        if not request.lean_runtime:
            flags.append("EXCLUDE_LEAN_RUNTIME")
    if request.dla is not None:
        if not 0 <= request.dla < builder.num_DLA_cores:
            raise ConfigError(f"dla: this device has {builder.num_DLA_cores} cores, found core {request.dla}")
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = request.dla
        flags.append("GPU_FALLBACK")
    for flag in flags:
        config.set_flag(getattr(trt.BuilderFlag, flag))
    if request.precision == "fp32":
        config.clear_flag(trt.BuilderFlag.TF32)
    return tuple(flags)


def _add_profile(builder: Any, config: Any, network: Any, profile: Profile) -> None:
    shapes = builder.create_optimization_profile()
    for i in range(network.num_inputs):
        shapes.set_shape(network.get_input(i).name, profile.smallest, profile.usual, profile.largest)
    if config.add_optimization_profile(shapes) < 0:
        raise ExportError(f"TensorRT refuses the profile {profile.to_json()}", hint="choose other profiles")


def _use_cache(config: Any, file: Path) -> str:
    """Give the builder what earlier builds measured; returns ``new``, ``used`` or ``replaced``."""
    content = file.read_bytes() if file.is_file() else b""
    if content:
        cache = config.create_timing_cache(content)
        # One of another version or GPU is refused, as its timings are not those of this machine.
        if cache is not None and config.set_timing_cache(cache, False):
            return "used"
    config.set_timing_cache(config.create_timing_cache(b""), False)
    return "replaced" if content else "new"


def _keep_cache(config: Any, file: Path) -> None:
    cache = config.get_timing_cache()
    if cache is not None:
        write_bytes(file, memoryview(cache.serialize()).tobytes())


def _failed(onnx: Path, messages: Any, workspace_gib: float | None, gpu: Gpu) -> ExportError:
    errors = errors_of(messages.lines)
    text = "\n".join(errors)
    no_choice = _NO_CHOICE.search(text) and any(_NO_MEMORY.search(line) for _, line in messages.lines)
    if no_choice or _NO_MEMORY.search(text):
        limit = "all memory" if workspace_gib is None else f"{workspace_gib:g} GiB"
        return ExportError(
            f"{onnx}: no space for the workspace of the builder ({limit} of {gpu.name} allowed):{_listed(errors)}",
            hint="allow a larger workspace, free memory on the GPU, or build for a smaller batch",
        )
    return ExportError(f"{onnx}: TensorRT cannot build a plan:{_listed(errors)}", hint="see the log of the build")


def _listed(errors: Sequence[str]) -> str:
    return "".join(f"\n  {error}" for error in errors) or " it does not say why"


@contextmanager
def _kept(messages: Any, log: Path | None) -> Iterator[None]:
    """Write the messages to `log` when the build is done or has failed, and not when it was interrupted."""
    try:
        yield
    except ExportError:
        _write_log(messages, log)
        raise
    _write_log(messages, log)


def _write_log(messages: Any, log: Path | None) -> None:
    if log is not None:
        write_text(log, "".join(f"{severity}: {text}\n" for severity, text in messages.lines))
