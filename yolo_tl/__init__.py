"""Fine-tune Ultralytics YOLO detectors on few labels, prove the result, run it anywhere.

The names below are looked up when they are used: importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolo_tl.api import convert, doctor, evaluate, export, plan, predict, train
    from yolo_tl.boxes import Detections
    from yolo_tl.edge import Detector
    from yolo_tl.errors import YoloTLError

__version__ = "0.1.0"

__all__ = [
    "Detections",
    "Detector",
    "YoloTLError",
    "convert",
    "doctor",
    "evaluate",
    "export",
    "plan",
    "predict",
    "train",
]

_HOMES = {
    "Detections": "yolo_tl.boxes",
    "Detector": "yolo_tl.edge",
    "YoloTLError": "yolo_tl.errors",
    **dict.fromkeys(("convert", "doctor", "evaluate", "export", "plan", "predict", "train"), "yolo_tl.api"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
