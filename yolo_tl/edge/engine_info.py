"""What is known of a TensorRT plan without loading it, and where it can run.

A plan holds machine code for one version of TensorRT and one model of GPU, unless it was built to be compatible.
TensorRT finds a mismatch only while it loads the plan, and some not at all ("using an engine plan file across different
models of devices ... is likely to affect performance or even cause errors or deadlock" is a warning of its own).
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from yolo_tl.edge.cuda import Gpu
from yolo_tl.errors import BundleError

SCHEMA = 1

Compatibility = Literal["none", "same-capability", "ampere-plus"]
"""GPUs a plan runs on: the model it was built on, all of that compute capability, or all from Ampere (8.0) on."""

_REBUILD = "build it again on this device from the ONNX file of the bundle: yolo-tl export --format engine"
_MAJORS = {(8, 10), (10, 11)}
"""Major versions a version-compatible plan may cross, built with → run by (NVIDIA, support matrix of TensorRT 11.4)."""


@dataclass(frozen=True)
class EngineInfo:
    """The sidecar of a plan.

    Attributes:
        tensorrt: version that built it; None where a foreign file does not say.
        metadata: what Ultralytics says of the network.
        sha256: of the plan.
        platform: operating system and processor; plans are bound to both.
        gpu: name of the GPU it was built on.
        capability: compute capability of that GPU.
        precision: ``fp32``, ``fp16`` or ``int8``.
        version_compatible: whether a later TensorRT, or the lean runtime, can run it.
        lean_runtime: whether a version-compatible plan brings its own runtime, which is host code.
        hardware_compatibility: GPUs it runs on.
        dla: core of the deep learning accelerator that it runs on.
        flags: builder flags that were set.
        profiles: input name → smallest, usual and largest shape, for each optimisation profile.
        outputs: names in the order of the ONNX file, which TensorRT does not keep.
        source: the ONNX file: name and SHA-256.
        build: how it was built: driver, workspace, timing cache, seconds.
    """

    tensorrt: str | None
    metadata: Mapping[str, Any]
    sha256: str | None = None
    platform: str | None = None
    gpu: str | None = None
    capability: tuple[int, int] | None = None
    precision: str | None = None
    version_compatible: bool = False
    lean_runtime: bool = False
    hardware_compatibility: Compatibility = "none"
    dla: int | None = None
    flags: tuple[str, ...] = ()
    profiles: Sequence[Mapping[str, Any]] = ()
    outputs: tuple[str, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    build: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the sidecar holds it."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        lists = {"flags": list(self.flags), "outputs": list(self.outputs), "profiles": list(self.profiles)}
        capability = None if self.capability is None else list(self.capability)
        return {"schema": SCHEMA, **values, **lists, "capability": capability}

    @classmethod
    def from_json(cls, content: Any, *, path: Path) -> EngineInfo:
        """From a sidecar.

        Raises:
            BundleError: it is of another schema, or a value is of another kind.
        """
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            found = content.get("schema", "none") if isinstance(content, dict) else type(content).__name__
            raise BundleError(
                f"{path}: expected the sidecar of a TensorRT plan with schema {SCHEMA}, found {found}",
                hint="install the yolo-tl version that wrote it",
            )
        values = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
        for name, value in values.items():
            if not _is_of(_KINDS[name], value):
                raise BundleError(f"{path}: {name}: expected {_KINDS[name]}, found {value!r}", hint=_REBUILD)
        missing = [name for name in ("tensorrt", "metadata") if name not in values]
        if missing:
            raise BundleError(f"{path}: expected {', '.join(missing)}, found none", hint=_REBUILD)
        for name in ("flags", "outputs", "capability"):
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        metadata = dict(values["metadata"])
        if isinstance(metadata.get("names"), dict):  # JSON has no integers as keys
            metadata["names"] = {int(k) if str(k).isdecimal() else k: v for k, v in metadata["names"].items()}
        return cls(**{**values, "metadata": metadata})

    def require_here(self, *, path: Path, tensorrt: str, lean: bool, gpu: Gpu) -> None:
        """Fail unless this runtime can run the plan on this GPU; what is not known is not judged.

        Args:
            path: the plan, for the message.
            tensorrt: version of the runtime.
            lean: whether it is the lean runtime, which runs version-compatible plans only.
            gpu: the GPU.

        Raises:
            BundleError: it cannot; the message says what differs.
        """
        reason = self._other_platform() or self._other_version(tensorrt) or self._too_lean(lean) or self._other_gpu(gpu)
        if reason:
            raise BundleError(f"{path}: {reason}", hint=self._hint())

    def _other_platform(self) -> str | None:
        here = platform_name()
        if self.platform in (None, here):
            return None
        return f"expected a plan for {here}, found one for {self.platform}"

    def _other_version(self, tensorrt: str) -> str | None:
        if self.tensorrt is None:
            return None
        built, here = _numbers(self.tensorrt), _numbers(tensorrt)
        shared = min(len(built), len(here))  # packages of JetPack leave out the build number
        if built[:shared] == here[:shared]:
            return None
        found = f"found TensorRT {tensorrt}"
        if not self.version_compatible:
            return f"expected TensorRT {self.tensorrt}, which built the plan, {found}"
        if not self.lean_runtime:
            return f"expected TensorRT {self.tensorrt}, as the plan does not bring its runtime, {found}"
        crosses = built[0] != here[0] and (built[0], here[0]) not in _MAJORS
        if built > here or crosses:
            return f"expected TensorRT {self.tensorrt} or a later one that runs its plans, {found}"
        return None

    def _too_lean(self, lean: bool) -> str | None:
        if not lean or self.version_compatible or self.tensorrt is None:
            return None
        return "expected a version-compatible plan, as only the lean runtime of TensorRT is installed"

    def _other_gpu(self, gpu: Gpu) -> str | None:
        found = f"found {gpu.name} (compute capability {_dotted(gpu.capability)})"
        if self.hardware_compatibility == "ampere-plus":
            return None if gpu.capability >= (8, 0) else f"expected a GPU from Ampere (8.0) on, {found}"
        if self.capability is not None and self.capability != gpu.capability:
            return f"expected a plan for this GPU, {found}, but it was built on {self._built_on()}"
        if self.hardware_compatibility == "none" and self.gpu not in (None, gpu.name):
            return f"expected a plan for this GPU, {found}, but it was built on {self._built_on()}"
        return None

    def _built_on(self) -> str:
        capability = "" if self.capability is None else f" (compute capability {_dotted(self.capability)})"
        return f"{self.gpu or 'another GPU'}{capability}"

    def _hint(self) -> str:
        file, digest = self.source.get("file"), self.source.get("sha256")
        return _REBUILD if not file else f"{_REBUILD} ({file}, SHA-256 {str(digest)[:12]}…)"


_KINDS = {
    "tensorrt": "text or null",
    "metadata": "an object",
    "sha256": "text or null",
    "platform": "text or null",
    "gpu": "text or null",
    "capability": "two numbers or null",
    "precision": "text or null",
    "version_compatible": "true or false",
    "lean_runtime": "true or false",
    "hardware_compatibility": " or ".join(get_args(Compatibility)),
    "dla": "a number or null",
    "flags": "a list of texts",
    "profiles": "a list of objects",
    "outputs": "a list of texts",
    "source": "an object",
    "build": "an object",
}


def platform_name() -> str:
    """Operating system and processor of this machine, as ``linux-x86_64``."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{ {'amd64': 'x86_64', 'arm64': 'aarch64'}.get(machine, machine) }"


def _is_of(kind: str, value: Any) -> bool:
    if value is None:
        return kind.endswith("or null")
    checks = {
        "text or null": isinstance(value, str),
        "an object": isinstance(value, dict),
        "true or false": isinstance(value, bool),
        "a number or null": isinstance(value, int) and not isinstance(value, bool),
        "two numbers or null": _are(value, int) and len(value) == 2,
        "a list of texts": _are(value, str),
        "a list of objects": _are(value, dict),
    }
    return checks.get(kind, value in get_args(Compatibility))


def _are(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(entry, kind) for entry in value)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.partition("+")[0].partition("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal())


def _dotted(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"
