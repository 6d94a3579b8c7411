"""A TorchScript file in torch."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.metadata import Metadata
from yolo_tl.edge.network import Outputs, RunOptions, in_batches, require_layout
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.errors import BundleError

METADATA = "config.txt"  # what Ultralytics calls the JSON inside the archive

_REEXPORT = "the file may be damaged or cut off; copy it again or export it again from its checkpoint"


class TorchScriptNetwork:
    """A `Network` in torch, on the CPU, from a file that Ultralytics exported.

    Args:
        path: the ``.torchscript`` file.
        options: threads.

    Raises:
        BundleError: the file is missing or damaged, or no export of Ultralytics.
    """

    def __init__(self, path: Path, options: RunOptions | None = None) -> None:
        self.path = path
        self._threads = (options or RunOptions()).threads
        self._module, values = _load(path)
        metadata = Metadata(path, values)
        arguments = values.get("args")
        dynamic = isinstance(arguments, Mapping) and bool(arguments.get("dynamic"))
        # A traced network knows no shapes; what it was traced with is in its metadata.
        self.info = replace(metadata.info(batch=None if dynamic else metadata.batch()), dynamic=dynamic)
        self._largest = metadata.batch() if self.info.head == "nms" or not dynamic else None

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Images (B, 3, H, W) in [0, 1] → outputs (B, ...), for any B.

        Raises:
            BundleError: the network cannot be run, or its output is not laid out as its metadata says.
        """
        if not self.info.dynamic and tensor.shape[2:] != self.info.imgsz:
            raise BundleError(
                f"{self.path}: expected images (3, {self.info.imgsz[0]}, {self.info.imgsz[1]}), "
                f"found {tensor.shape[1:]}",
                hint="export it with --dynamic for other sizes",
            )
        with _threads(self._threads):
            outputs = in_batches(self._run, tensor, size=self._largest, fixed=self.info.batch is not None)
        require_layout(self.info, [output.shape for output in outputs], path=self.path)
        return outputs

    def _run(self, tensor: NDArray[np.float32]) -> Outputs:
        import torch

        try:
            with torch.inference_mode():
                found = self._module(torch.from_numpy(np.ascontiguousarray(tensor, np.float32)))
        except RuntimeError as error:
            raise BundleError(
                f"{self.path}: torch failed on an input of shape {tensor.shape}: {_last_line(error)}", hint=_REEXPORT
            ) from error
        return tuple(output.numpy() for output in (found if isinstance(found, tuple | list) else [found]))


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch use `count` CPU threads meanwhile; the number belongs to the process, not to a network."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _load(path: Path) -> tuple[Any, dict[str, Any]]:
    """The network and its metadata."""
    ultralytics()
    import torch
    import torchvision  # noqa: F401  (its operators, NMS among them, are looked up by name)

    if not path.is_file():
        raise BundleError(f"{path}: expected a .torchscript file, found nothing", hint="check the path")
    inside = {METADATA: ""}
    try:
        with warnings.catch_warnings():  # torch advises every user of TorchScript to move to torch.export
            warnings.simplefilter("ignore", FutureWarning)
            module = torch.jit.load(str(path), map_location="cpu", _extra_files=inside).eval()
    except Exception as error:  # damaged bytes make a reader raise almost anything
        raise BundleError(
            f"{path}: expected a TorchScript file, but torch cannot load it: {_last_line(error)}", hint=_REEXPORT
        ) from error
    try:
        values = json.loads(inside[METADATA] or "{}")
    except ValueError as error:
        raise BundleError(f"{path}: {METADATA}: expected JSON: {error}", hint=_REEXPORT) from error
    if not isinstance(values, dict):
        raise BundleError(f"{path}: {METADATA}: expected a JSON object", hint=_REEXPORT)
    names = values.get("names")
    if isinstance(names, Mapping):  # JSON has no numbers as keys
        values["names"] = {int(key) if key.isdecimal() else key: name for key, name in names.items()}
    return module, values


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
