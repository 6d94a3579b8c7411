"""Networks whose outputs are written down, one for each image: nothing is computed, so every difference is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from yolo_tl.edge.network import Head, NetworkInfo, Outputs, Task
from yolo_tl.edge.pipeline import Pipeline

SIDE = 64
_STEP = 20  # levels of grey between one image and the next


class Scripted:
    """A `Network` that tells images apart by their grey.

    Args:
        outputs: of each image, without the batch axis: an array, or a tuple of them.
    """

    def __init__(
        self,
        outputs: Sequence[Any],
        *,
        names: Sequence[str] = ("a", "b"),
        head: Head = "raw",
        task: Task = "detect",
        batch: int | None = 1,
        keypoints: tuple[int, int] | None = None,
    ) -> None:
        self.path = Path("scripted.onnx")
        self.info = NetworkInfo(task, tuple(names), head, (SIDE, SIDE), batch=batch, keypoints=keypoints)
        self._outputs = [one if isinstance(one, tuple) else (one,) for one in outputs]

    def run(self, tensor: np.ndarray) -> Outputs:
        """The outputs written down for each image of the batch."""
        shown = [round(float(one[0, SIDE // 2, SIDE // 2]) * 255) // _STEP for one in tensor]
        chosen = [self._outputs[i % len(self._outputs)] for i in shown]
        return tuple(np.stack(parts).astype(np.float32) for parts in zip(*chosen, strict=True))


def scripted(outputs: Sequence[Any], **options: Any) -> Pipeline:
    """A pipeline around a `Scripted` network."""
    return Pipeline(Scripted(outputs, **options))


def grey_images(folder: Path, count: int) -> list[Path]:
    """Images that a `Scripted` network tells apart."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{i}.png" for i in range(count)]
    for i, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((SIDE, SIDE, 3), _STEP * i + _STEP // 2, np.uint8))
    return paths


def raw(boxes: Sequence[Sequence[float]], scores: Sequence[Sequence[float]], *more: Sequence[float]) -> np.ndarray:
    """An output of the raw head: centre boxes, scores by class, and further rows, each by box."""
    columns = [np.array(boxes, np.float32).T, np.array(scores, np.float32).T, *(np.array([row]) for row in more)]
    return np.concatenate(columns).astype(np.float32)
