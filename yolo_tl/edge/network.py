"""A network that is ready to run: what it is, and how it is run, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats
from yolo_tl.errors import BundleError, ConfigError

Task = Literal["detect", "segment", "obb", "pose", "classify"]
TASKS: tuple[Task, ...] = ("detect", "segment", "obb", "pose", "classify")

Head = Literal["raw", "nms-free", "nms"]
"""What the network ends with.

``raw``: (4 + classes + more, anchors), centre boxes and one score per class; needs NMS.
``nms-free``: (K, 6 + more) corner boxes, score, class; trained to need none.
``nms``: the same columns from an NMS inside the graph, padded with zero rows.
Of the task classify, ``raw`` is (classes,) probabilities, and the only head there is.
"""

Engine = Literal["auto", "onnxruntime", "openvino"]
"""What runs a network: what its file is for, or another that can read it, too."""

Size = tuple[int, int]
"""Height and width in px."""

Outputs = tuple[Floats, ...]


@dataclass(frozen=True)
class NetworkInfo:
    """What a network says of itself.

    Attributes:
        task: what it was trained for.
        names: class names in order of class number.
        head: how its first output is read.
        imgsz: height and width of the input in px; of a dynamic network, those it was exported for.
        stride: px.
        batch: the one batch size it accepts, or None.
        dynamic: height and width may vary in multiples of `stride`.
        keypoints: of the task pose: points of an object, and numbers of a point (2, or 3 with its visibility).
    """

    task: Task
    names: tuple[str, ...]
    head: Head
    imgsz: Size
    stride: int = 32
    batch: int | None = 1
    dynamic: bool = False
    keypoints: tuple[int, int] | None = None

    @property
    def extra(self) -> int | None:
        """Numbers of a box beside its corners and scores; None of segmentation, where the file alone knows."""
        if self.task == "pose" and self.keypoints is not None:
            return self.keypoints[0] * self.keypoints[1]
        return {"detect": 0, "obb": 1}.get(self.task)


@dataclass(frozen=True)
class RunOptions:
    """How a network is run.

    Attributes:
        threads: CPU threads for one network operation; None leaves it to the engine.
        providers: ONNX Runtime execution providers in order of preference; empty is the CPU.
        spinning: ONNX Runtime's threads wait by spinning instead of sleeping. On an idle machine that is quicker; where
            the cores are wanted by others (a camera, a second model) it costs latency and processor time.
        memory_pattern: ONNX Runtime plans whole memory blocks: a little quicker, for a fifth more resident memory.
        precision: arithmetic of OpenVINO, whose own default is bfloat16 where the processor has it: that changes
            what a line sees, so it is only used where it was verified.
        engine: what runs it; ``auto`` is what its file is for. OpenVINO reads ONNX files as well. A bundle was verified
            with the engine of its file: with another one, run its self-test.
    """

    threads: int | None = None
    providers: Sequence[str | tuple[str, Mapping[str, Any]]] = field(default=())
    spinning: bool = False
    memory_pattern: bool = False
    precision: Literal["f32", "bf16", "f16"] = "f32"
    engine: Engine = "auto"

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads: expected a positive number or None, found {self.threads}")
        if self.engine not in get_args(Engine):
            raise ConfigError(f"engine: expected {', '.join(get_args(Engine))}, found {self.engine!r}")


class Network(Protocol):
    """A loaded network.

    Attributes:
        path: the file or folder it came from.
        info: what it is.
    """

    path: Path
    info: NetworkInfo

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Images (B, 3, H, W) in [0, 1] → outputs (B, ...), for any B.

        Raises:
            BundleError: the network cannot be run, or its output is not laid out as its metadata says.
        """
        ...


def in_batches(
    run: Callable[[NDArray[np.float32]], Outputs], tensor: NDArray[np.float32], *, size: int | None, fixed: bool
) -> Outputs:
    """Run any number of images through a network that takes `size` at once.

    Args:
        run: (B, 3, H, W) → outputs (B, ...).
        tensor: (N, 3, H, W).
        size: most images at once; None for any number.
        fixed: whether it must be exactly so many; a short batch is filled with zeros.
    """
    step = size or max(len(tensor), 1)
    parts = []
    for start in range(0, len(tensor), step):
        part = tensor[start : start + step]
        count = len(part)
        if fixed and count < step:
            part = np.concatenate([part, np.zeros((step - count, *part.shape[1:]), part.dtype)])
        parts.append(tuple(output[:count] for output in run(part)))
    return parts[0] if len(parts) == 1 else tuple(np.concatenate(outputs) for outputs in zip(*parts, strict=True))


def require_layout(info: NetworkInfo, shapes: Sequence[Sequence[Any]], *, path: Path) -> None:
    """Fail unless the outputs are laid out as `info` says.

    Args:
        info: what the network is.
        shapes: of each output, with the batch; a free axis is anything but a number.
        path: for the message.

    Raises:
        BundleError: an output of another shape, or too few.
    """
    classes = len(info.names)
    expected: tuple[int | None, ...]
    if info.task == "classify":
        layout, expected = "(batch, classes)", (classes,)
    elif info.head == "raw":
        more = "" if info.task == "detect" else " + more"
        layout = f"(batch, 4 + classes{more}, anchors)"
        expected = (None if info.extra is None else 4 + classes + info.extra, None)
    else:
        extra = info.extra
        layout = "(batch, boxes, 6)" if info.task == "detect" else "(batch, boxes, 6 + more)"
        expected = (None, None if extra is None else 6 + extra)
    found = list(shapes[0])[1:] if shapes else []
    fits = len(found) == len(expected) and all(
        want is None or not isinstance(have, int) or want == have for want, have in zip(expected, found, strict=True)
    )
    if not fits or (info.task == "segment" and len(shapes) < 2):
        prototypes = ", and prototypes (batch, masks, height, width)" if info.task == "segment" else ""
        raise BundleError(
            f"{path}: expected an output {layout}{prototypes} for a {info.head} head with {classes} classes, "
            f"found {', '.join(str(list(shape)) for shape in shapes) or 'none'}",
            hint="export it again from its checkpoint",
        )
