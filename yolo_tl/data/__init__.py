"""Data sets: any annotation format in, a folder for Ultralytics out, with every box accounted for.

Names are loaded on first use, so that importing this room costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolo_tl.data.conversion import ConvertReport, convert
    from yolo_tl.data.dataset import Dataset, read_dataset
    from yolo_tl.data.options import ReadOptions
    from yolo_tl.data.sample import make_sample

_HOME = {
    "ConvertReport": "conversion",
    "convert": "conversion",
    "Dataset": "dataset",
    "read_dataset": "dataset",
    "ReadOptions": "options",
    "make_sample": "sample",
}

__all__ = ["ConvertReport", "Dataset", "ReadOptions", "convert", "make_sample", "read_dataset"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
