"""The annotation formats: one module each, every one that holds a ``FORMAT`` is known."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from yolo_tl.data.formats.base import Format, Output

_MODULES = (import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))

FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in _MODULES if hasattr(module, "FORMAT")}

__all__ = ["FORMATS", "Format", "Output"]
