"""The whole way in one call, on generated pictures. Names are looked up when they are used, as in `yolo_tl.api`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolo_tl.api.demonstration.listener import DemoListener, Unheard
    from yolo_tl.api.demonstration.record import Step
    from yolo_tl.api.demonstration.result import DemoResult
    from yolo_tl.api.demonstration.settings import DemoSettings
    from yolo_tl.api.demonstration.start import Start
    from yolo_tl.api.demonstration.walk import OUT, demo

__all__ = ["OUT", "DemoListener", "DemoResult", "DemoSettings", "Start", "Step", "Unheard", "demo"]

_HOME = {
    "DemoListener": "listener",
    "DemoResult": "result",
    "DemoSettings": "settings",
    "OUT": "walk",
    "Start": "start",
    "Step": "record",
    "Unheard": "listener",
    "demo": "walk",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"yolo_tl.api.demonstration.{_HOME[name]}"), name)
    globals()[name] = value
    return value
