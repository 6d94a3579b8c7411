"""What a TensorRT plan is asked to be, and whether that can be, before TensorRT is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from yolo_tl.edge.cuda import Gpu
from yolo_tl.edge.engine_info import Compatibility
from yolo_tl.errors import ConfigError
from yolo_tl.exporting.onnx_graph import OnnxGraph

Precision = Literal["fp32", "fp16", "int8"]
Shape = tuple[int, ...]
"""Batch, 3, height, width."""

GIB = 1 << 30
_JETPACK = Path("/etc/nv_tegra_release")
_NEEDS: dict[Compatibility, tuple[int, int]] = {"same-capability": (7, 5), "ampere-plus": (8, 0)}


@dataclass(frozen=True)
class Profile:
    """Input shapes that a plan takes, and the one it is fastest for."""

    smallest: Shape
    usual: Shape
    largest: Shape

    def __post_init__(self) -> None:
        shapes = (self.smallest, self.usual, self.largest)
        if {len(shape) for shape in shapes} != {4} or any(
            not 1 <= low <= middle <= high for low, middle, high in zip(*shapes, strict=True)
        ):
            found = ", ".join(str(list(shape)) for shape in shapes)
            raise ConfigError(f"profile: expected smallest ≤ usual ≤ largest, each of 4 sides, found {found}")

    def to_json(self) -> dict[str, list[int]]:
        """As the sidecar holds it, in TensorRT's words."""
        return {"min": list(self.smallest), "opt": list(self.usual), "max": list(self.largest)}


@dataclass(frozen=True)
class EngineRequest:
    """The options of `yolo_tl.exporting.tensorrt.build_engine`, where they are explained."""

    precision: Precision = "fp32"
    workspace_gib: float | None = None
    profiles: tuple[Profile, ...] = ()
    version_compatible: bool = False
    lean_runtime: bool = True
    hardware_compatibility: Compatibility = "none"
    dla: int | None = None

    def __post_init__(self) -> None:
        for name, known in (("precision", get_args(Precision)), ("hardware_compatibility", get_args(Compatibility))):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}: expected {', '.join(known)}, found {getattr(self, name)}")
        if not self.lean_runtime and not self.version_compatible:
            raise ConfigError("lean_runtime: only a version-compatible plan can bring its runtime or leave it out")
        if self.dla is not None and self.precision == "fp32":
            raise ConfigError("dla: needs precision fp16 or int8")

    def require_file(self, graph: OnnxGraph) -> None:
        """Fail unless the file can become such a plan.

        Raises:
            ConfigError: it has another precision, other 8-bit numbers, or other input shapes.
        """
        path, name = graph.path, f"{graph.path}: precision {self.precision}"
        if len(graph.inputs) != 1:
            raise ConfigError(f"{path}: expected one input, found {', '.join(graph.inputs) or 'none'}")
        if self.precision == "int8" and not graph.quantised:
            raise ConfigError(
                f"{name}: expected a quantised file, found one without QuantizeLinear",
                hint="export with precision int8 and quantisation target tensorrt first",
            )
        if self.precision != "int8" and graph.quantised:
            raise ConfigError(f"{name}: expected a file in float, found a quantised one", hint="say precision int8")
        if graph.unsymmetric:
            more = f" and {len(graph.unsymmetric) - 1} more" if len(graph.unsymmetric) > 1 else ""
            raise ConfigError(
                f"{path}: expected 8 bit signed around zero, found {graph.unsymmetric[0]}{more}",
                hint="quantise with target tensorrt; TensorRT takes no other 8-bit numbers",
            )
        if self.precision == "fp32" and graph.half:
            raise ConfigError(f"{name}: expected weights in float32, found float16", hint="say precision fp16")
        for profile in self.profiles:
            _require_shapes(graph, profile)

    def require_gpu(self, gpu: Gpu) -> None:
        """Fail unless the GPU can build such a plan.

        Raises:
            ConfigError: it has less memory than the workspace, or cannot build for other GPUs.
        """
        if self.workspace_gib is not None and not 0 < self.workspace_gib * GIB <= gpu.memory:
            raise ConfigError(
                f"workspace: expected more than 0 and at most {gpu.memory / GIB:.1f} GiB, all that {gpu.name} has, "
                f"found {self.workspace_gib:g}"
            )
        level = self.hardware_compatibility
        if level == "none":
            return
        if _JETPACK.exists():
            raise ConfigError(
                f"hardware_compatibility: there is no {level} on JetPack", hint="say none, and build on each device"
            )
        if gpu.capability < _NEEDS[level]:
            needed, found = (".".join(map(str, version)) for version in (_NEEDS[level], gpu.capability))
            raise ConfigError(
                f"hardware_compatibility: {level} needs compute capability {needed}, {gpu.name} has {found}"
            )

    def profiles_of(self, graph: OnnxGraph) -> tuple[Profile, ...]:
        """The profiles asked for; of a file with free sizes that nobody asked about, one that letterboxing keeps to.

        That is from one image of one stride to the batch and size the file was exported for.

        Raises:
            ConfigError: sizes are free, and the metadata of the file name none.
        """
        if self.profiles or not graph.dynamic:
            return self.profiles
        metadata = graph.metadata
        try:
            stride, (height, width) = int(metadata["stride"]), metadata["imgsz"]
            low, high = (1, 3, stride, stride), (int(metadata["batch"]), 3, int(height), int(width))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{graph.path}: expected profiles, as sizes are free and the metadata name none",
                hint="export it again from its checkpoint",
            ) from error
        (shape,) = graph.inputs.values()
        least, most = (
            tuple(side if fixed is None else fixed for side, fixed in zip(sides, shape, strict=True))
            for sides in (low, high)
        )
        return (Profile(least, most, most),)


def _require_shapes(graph: OnnxGraph, profile: Profile) -> None:
    ((name, shape),) = graph.inputs.items()
    for sides in (profile.smallest, profile.usual, profile.largest):
        if len(shape) != 4 or any(fixed not in (None, side) for fixed, side in zip(shape, sides, strict=True)):
            raise ConfigError(
                f"profile: expected shapes of {name} {['free' if s is None else s for s in shape]} in "
                f"{graph.path.name}, found {list(sides)}",
                hint="a side that is fixed in the file cannot vary",
            )
