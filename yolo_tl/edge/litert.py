"""A LiteRT (TensorFlow Lite) file in LiteRT's interpreter."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats
from yolo_tl.edge.metadata import Metadata
from yolo_tl.edge.network import NetworkInfo, Outputs, RunOptions, in_batches, require_layout
from yolo_tl.errors import BundleError, MissingExtra

METADATA = "metadata.json"  # in a ZIP archive that is appended to the file

_REEXPORT = "the file may be damaged or cut off; copy it again or export it again from its checkpoint"


class LiteRtNetwork:
    """A `Network` in LiteRT, on the CPU, from a file that Ultralytics exported.

    LiteRT computes in float32 on the CPU; 8-bit layers of a quantised model stay 8-bit.

    Args:
        path: the ``.tflite`` file.
        options: threads.

    Raises:
        BundleError: the file is damaged, or no export of Ultralytics.
        MissingExtra: ai-edge-litert is not installed.
    """

    def __init__(self, path: Path, options: RunOptions | None = None) -> None:
        self.path = path
        metadata = _read_metadata(path)
        self._interpreter = _interpreter(path, options or RunOptions())
        (source, *more), self._targets = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        shape = [int(side) for side in source["shape"]]
        if more or len(shape) != 4 or shape[1] != 3 or any(t["dtype"] != np.float32 for t in (source, *self._targets)):
            raise BundleError(
                f"{path}: expected one float32 input (batch, 3, height, width) and float32 outputs, found {shape}",
                hint="export it again with Ultralytics 8.4.83 or later, or with this package",
            )
        self._source = source["index"]
        # Detections come first; the prototypes of masks have an axis more.
        self._targets.sort(key=lambda target: len(target["shape"]))
        self.info = replace(metadata.info(size=(shape[2], shape[3]), batch=shape[0]), dynamic=False)
        require_layout(self.info, [[int(side) for side in t["shape"]] for t in self._targets], path=path)

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Images (B, 3, H, W) in [0, 1] → outputs (B, ...), for any B.

        Raises:
            BundleError: the network cannot be run.
        """
        return in_batches(self._run, tensor, size=self.info.batch, fixed=True)

    def _run(self, tensor: NDArray[np.float32]) -> Outputs:
        try:
            self._interpreter.set_tensor(self._source, np.ascontiguousarray(tensor, np.float32))
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise BundleError(
                f"{self.path}: LiteRT failed on an input of shape {tensor.shape}: {error}", hint=_REEXPORT
            ) from error
        boxes, *more = (self._interpreter.get_tensor(target["index"]) for target in self._targets)
        return (_in_pixels(boxes, self.info), *more)


def _in_pixels(output: Floats, info: NetworkInfo) -> Floats:
    """Shares of the image's sides back to px; Ultralytics exports shares where 8 bits must hold boxes and scores."""
    if info.task == "classify" or info.head != "raw":
        return output
    height, width = info.imgsz
    sides = np.array([width, height], np.float32).reshape(1, 2, 1)
    output[:, 0:2] *= sides
    output[:, 2:4] *= sides
    if info.keypoints is not None:
        first, step = 4 + len(info.names), info.keypoints[1]
        output[:, first::step] *= width
        output[:, first + 1 :: step] *= height
    return output


def _read_metadata(path: Path) -> Metadata:
    try:
        with zipfile.ZipFile(path) as archive:
            values = json.loads(archive.read(METADATA))
        names = values["names"]
        values["names"] = {int(key): name for key, name in names.items()}  # JSON has no numbers as keys
    except OSError as error:
        raise BundleError(f"{path}: expected a .tflite file: {error.strerror}", hint="check the path") from error
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise BundleError(
            f"{path}: expected the metadata of an Ultralytics export at the end of the file, found none",
            hint=_REEXPORT,
        ) from error
    return Metadata(path, values)


def _interpreter(path: Path, options: RunOptions) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingExtra("ai-edge-litert", "litert") from error
    try:
        # From memory: it would go on reading a file, which may be written over.
        interpreter = Interpreter(model_content=path.read_bytes(), num_threads=options.threads)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise BundleError(
            f"{path}: expected a LiteRT model, but LiteRT cannot load it: {error}", hint=_REEXPORT
        ) from error
    return interpreter
