"""What Ultralytics writes into an export of itself: strings, most of them Python literals, or plain YAML values."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolo_tl.edge.network import TASKS, Head, NetworkInfo, Size
from yolo_tl.errors import BundleError

_REEXPORT = "export it again from its checkpoint"


class Metadata:
    """The metadata of one file.

    Args:
        path: the file, for messages.
        values: what it holds; text is read as a Python literal.

    Raises:
        BundleError: something that every export says is missing.
    """

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        self._path = path
        self._values = values
        missing = [key for key in ("task", "names", "stride", "imgsz", "batch") if key not in values]
        if missing:
            raise BundleError(
                f"{path}: expected the metadata of an Ultralytics export, found none for: {', '.join(missing)}",
                hint="export the model with Ultralytics 8 or with this package",
            )

    def info(self, *, columns: int | None = None, size: Size | None = None, batch: int | None) -> NetworkInfo:
        """The network they speak of.

        Args:
            columns: of the last axis of its first output, where known: six of a box are the mark of NMS in the graph.
            size: height and width of its input where they are fixed; None where they are free.
            batch: its batch size where that is fixed.

        Raises:
            BundleError: a value that does not fit.
        """
        task = self._values["task"]
        if task not in TASKS:
            raise BundleError(
                f"{self._path}: expected a model for one of the tasks {', '.join(TASKS)}, found {task}",
                hint="use Ultralytics itself for other tasks",
            )
        return NetworkInfo(
            task=task,
            names=self._names(),
            head=self._head(columns),
            imgsz=self._imgsz() if size is None else size,
            stride=self._integer("stride"),
            batch=batch,
            dynamic=size is None,
            keypoints=self._keypoints() if task == "pose" else None,
        )

    def batch(self) -> int:
        """Images per run it was exported for."""
        return self._integer("batch")

    def _head(self, columns: int | None) -> Head:
        # Never from the family name: a YOLO26 export may have any of the three heads.
        if self._arguments().get("nms"):
            return "nms"
        if self._literal("end2end", default=False):
            return "nms-free"
        return "nms" if self._values["task"] == "detect" and columns == 6 else "raw"

    def _literal(self, key: str, *, default: Any = None) -> Any:
        value = self._values.get(key, default)
        if not isinstance(value, str):
            return value
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError) as error:
            raise self._unfit(key, "a Python literal") from error

    def _integer(self, key: str) -> int:
        value = self._literal(key)
        if not isinstance(value, int) or value < 1:
            raise self._unfit(key, "a positive integer")
        return value

    def _names(self) -> tuple[str, ...]:
        value = self._literal("names")
        if not isinstance(value, dict) or not value or sorted(value) != list(range(len(value))):
            raise self._unfit("names", "a name for each class number from 0 on")
        return tuple(str(value[i]) for i in range(len(value)))

    def _imgsz(self) -> Size:
        value = self._literal("imgsz")
        if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(isinstance(v, int) for v in value):
            raise self._unfit("imgsz", "[height, width]")
        return value[0], value[1]

    def _keypoints(self) -> tuple[int, int]:
        value = self._literal("kpt_shape", default="nothing")
        if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(isinstance(v, int) for v in value):
            raise self._unfit("kpt_shape", "[points, numbers of a point]")
        return value[0], value[1]

    def _arguments(self) -> Mapping[str, Any]:
        value = self._literal("args", default={})
        if not isinstance(value, dict):
            raise self._unfit("args", "a dictionary")
        return value

    def _unfit(self, key: str, expected: str) -> BundleError:
        found = str(self._values.get(key, "nothing"))
        shown = found if len(found) <= 80 else found[:77] + "..."
        return BundleError(f"{self._path}: metadata {key}: expected {expected}, found {shown}", hint=_REEXPORT)
