"""The checks of a data set: one module a subject, every function under ``@check`` is known.

To add one is to write one generator: it gets a `Snapshot` of the data set and yields `Finding`s.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from yolo_tl.data.checks.base import CHECKS, Check, CheckOptions
from yolo_tl.data.checks.finding import Example, Finding, Severity

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["CHECKS", "Check", "CheckOptions", "Example", "Finding", "Severity"]
