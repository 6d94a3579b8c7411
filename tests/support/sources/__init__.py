"""One module a format: ``write(folder)`` makes a small, valid source of it, images included.

The fuzzer mutates the annotation files of these sources; the test of auto-detection expects each
of them to be recognised as its format and as no other.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

SOURCES: dict[str, Callable[[Path], None]] = {
    module.name: import_module(f"{__name__}.{module.name}").write for module in pkgutil.iter_modules(__path__)
}
