"""A request that cannot work is refused before anything is imported."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from yolo_tl.config import ExportConfig
from yolo_tl.edge.network import Head, Task
from yolo_tl.engine.runs import installed
from yolo_tl.errors import ConfigError, MissingExtra, did_you_mean
from yolo_tl.exporting.formats import FORMATS, Conflict, Format, Precision
from yolo_tl.transfer.network import Network

__all__ = ["FORMATS", "Format", "Machine", "Request", "choose_head", "find_format", "require_possible"]

OPSETS: dict[Head | None, int] = {None: 9, "raw": 9, "nms-free": 9, "nms": 11}
"""Oldest operator set that a head can be written in; None where the head is not known yet."""

_PROCESSORS = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Request:
    """What an export is asked for. None is what is not known yet, and is not judged.

    Attributes:
        format: name of the format.
        precision: arithmetic.
        head: what the network shall end with.
        task: what it was trained for.
        two_headed: whether it has an NMS-free head.
        dynamic: free batch, height and width.
        batch: images per run.
        imgsz: side of the square input, px.
        stride: of the network, px.
        opset: ONNX operator set.
    """

    format: str
    precision: Precision = "fp32"
    head: Head | None = None
    task: Task | None = None
    two_headed: bool | None = None
    dynamic: bool = False
    batch: int = 1
    imgsz: int | None = None
    stride: int | None = None
    opset: int | None = None

    @classmethod
    def of(
        cls,
        config: ExportConfig,
        *,
        head: Head | None = None,
        network: Network | None = None,
        imgsz: int | None = None,
        stride: int | None = None,
    ) -> Request:
        """The request of a configuration, and of a network where that has been loaded."""
        return cls(
            format=config.format,
            precision=config.precision,
            head=head if config.head == "auto" else config.head,
            task=None if network is None else network.task,  # type: ignore[arg-type]
            two_headed=None if network is None else network.two_headed,
            dynamic=config.dynamic,
            batch=config.batch,
            imgsz=config.imgsz if imgsz is None else imgsz,
            stride=stride,
            opset=config.opset,
        )


@dataclass(frozen=True)
class Machine:
    """Where a model is exported.

    Attributes:
        system: ``Linux``, ``Darwin`` or ``Windows``.
        processor: ``x86_64`` or ``arm64``, or another.
        python: its version.
        version_of: a distribution → its version, or None where it is not installed.
        program: a program → where it is on the PATH, or None.
    """

    system: str
    processor: str
    python: tuple[int, int]
    version_of: Callable[[str], str | None] = installed
    program: Callable[[str], str | None] = shutil.which

    @classmethod
    def here(cls) -> Machine:
        """This one."""
        processor = platform.machine().lower()
        return cls(platform.system(), _PROCESSORS.get(processor, processor), (sys.version_info[0], sys.version_info[1]))

    def runs(self, system: str) -> bool:
        """Whether it is `system`, such as ``Linux`` or ``Darwin arm64``."""
        return system in (self.system, f"{self.system} {self.processor}")


def find_format(name: str) -> Format:
    """A format by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in FORMATS:
        raise ConfigError(
            f"format: expected one of {', '.join(FORMATS)}, found {name!r}{did_you_mean(name, list(FORMATS))}"
        )
    return FORMATS[name]


def require_possible(request: Request, machine: Machine | None = None) -> Format:
    """Fail unless a request can work; ask before the checkpoint is loaded, and again with what it says.

    Args:
        request: what is asked for.
        machine: where; None is here.

    Returns:
        The format.

    Raises:
        ConfigError: the format cannot take something that is asked for, or cannot be made on this machine.
        MissingExtra: a package is not installed.
    """
    format = find_format(request.format)
    _require_head(format, request)
    _require_precision(format, request)
    _require_shape(format, request)
    for conflict in format.conflicts:
        if _holds(conflict, request):
            raise ConfigError(f"{format.title}: {conflict.reason}", hint=conflict.hint)
    machine = machine or Machine.here()
    _require_place(format, machine)
    quantiser = ("nncf",) if request.precision == "int8" and format.quantiser == "nncf" else ()
    for package in (*format.packages, *quantiser):
        _require_package(format, package, machine)
    for program in format.programs:
        if machine.program(program) is None:
            raise ConfigError(
                f"format: {format.title} is made with the program {program}, which is not on the PATH",
                hint="install it first; nothing is installed at run time",
            )
    return format


def choose_head(config: ExportConfig, network: Network, *, selected: str) -> Head:
    """The head to export, from what is asked and what the network has.

    Args:
        config: the request.
        network: the network to export.
        selected: the head its checkpoint was selected on, ``nms-free`` or ``one-to-many``.

    Raises:
        ConfigError: the network or the format has no such head.
    """
    preferred: Head = "nms-free" if selected == "nms-free" and network.task != "classify" else "raw"
    head: Head = preferred if config.head == "auto" else config.head
    _require_head(find_format(config.format), Request.of(config, head=head, network=network))
    return head


def _require_head(format: Format, request: Request) -> None:
    head, task = request.head, request.task
    if task is not None and task not in format.tasks:
        raise ConfigError(f"task: {format.title} takes {', '.join(format.tasks)}, found {task}")
    if head is None:
        return
    if task == "classify" and head != "raw":
        raise ConfigError(
            f"head: a network that classifies has no boxes, so it has no head {head!r}", hint="say --head raw"
        )
    if head == "nms-free" and request.two_headed is False:
        raise ConfigError(
            "head: this network has no NMS-free head", hint="export with head raw, or train a YOLO26 network"
        )
    if head not in format.heads:
        raise ConfigError(
            f"head: {format.title} cannot hold {head!r}, only {' or '.join(format.heads)}",
            hint=f"say --head {format.heads[0]}; a threshold found on another head does not hold for it",
        )


def _require_precision(format: Format, request: Request) -> None:
    if request.precision not in format.precisions:
        raise ConfigError(
            f"precision: {format.title} takes {' or '.join(format.precisions)} here, found {request.precision}",
            hint=f"say --precision {format.precisions[0]}",
        )


def _require_shape(format: Format, request: Request) -> None:
    if request.dynamic and not format.dynamic:
        raise ConfigError(f"dynamic: {format.title} cannot leave sizes free", hint="say --dynamic false")
    if request.batch > 1 and not format.batch:
        raise ConfigError(
            f"batch: {format.title} takes one image at a time, found {request.batch}", hint="say --batch 1"
        )
    size, stride = request.imgsz, request.stride
    if size is not None and size < format.smallest:
        raise ConfigError(f"imgsz: {format.title} takes {format.smallest} px or more, found {size}")
    if size is not None and stride is not None and size % stride:
        raise ConfigError(
            f"imgsz: expected a multiple of the network's stride {stride}, found {size}",
            hint=f"say --imgsz {-(-size // stride) * stride}",
        )
    oldest = OPSETS[request.head]
    if request.opset is not None and not format.opset:
        raise ConfigError(f"opset: {format.title} is not made with an operator set of choice", hint="drop --opset")
    if request.opset is not None and request.opset < oldest:
        raise ConfigError(f"opset: expected {oldest} or later, found {request.opset}", hint="drop --opset")


def _holds(conflict: Conflict, request: Request) -> bool:
    """Whether every condition of a conflict is known to be met."""
    named = (
        (conflict.precision, request.precision),
        (conflict.head, request.head),
        (conflict.task, request.task),
    )
    exact = (
        (conflict.dynamic, request.dynamic),
        (conflict.batched, request.batch > 1),
        (conflict.two_headed, request.two_headed),
    )
    return all(not wanted or found in wanted for wanted, found in named) and all(
        wanted is None or found == wanted for wanted, found in exact
    )


def _require_place(format: Format, machine: Machine) -> None:
    if not any(machine.runs(system) for system in format.systems):
        raise ConfigError(
            f"format: {format.title} can be made on {', '.join(format.systems)} only, "
            f"found {machine.system} {machine.processor}"
        )
    first, last = format.python or (machine.python, machine.python)
    if not first <= machine.python <= last:
        span = f"{first[0]}.{first[1]} to {last[0]}.{last[1]}"
        raise ConfigError(
            f"format: {format.title} can be made with Python {span} only, found {'.'.join(map(str, machine.python))}"
        )


def _require_package(format: Format, package: str, machine: Machine) -> None:
    if any(machine.version_of(name) for name in package.split(" or ")):
        return
    if format.extra:
        raise MissingExtra(package, format.extra)
    raise ConfigError(
        f"format: {format.title} is made with {package}, which is not installed",
        hint="install it as Ultralytics' page about this format says; nothing is installed at run time",
    )
