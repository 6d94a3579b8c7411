"""Importing Ultralytics so that it keeps to itself.

Left alone, Ultralytics looks up hosts at import, reports usage, checks for updates, fetches
fonts, installs packages, writes settings into the user's configuration folder, prints on
stdout and sets OMP_NUM_THREADS to 1. `ultralytics()` sets every switch first, once, and is
the only way the engine gets at the library.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from yolo_tl.errors import MissingExtra, ModelError

TESTED = ((8, 4, 180), (8, 5, 0))  # from, up to but not including
FONTS = ("Arial.ttf", "Arial.Unicode.ttf")
INTEGRATIONS = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")


def home() -> Path:
    """The package's own folder: ``$YOLO_TL_HOME``, else ``yolo_tl`` in the user's cache folder."""
    if value := os.environ.get("YOLO_TL_HOME"):
        return Path(value).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).expanduser() / "yolo_tl"


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def ultralytics() -> ModuleType:
    """The Ultralytics package, imported offline, silent, without telemetry or installs.

    Raises:
        MissingExtra: it is not installed.
        ModelError: it was imported before, so its switches can no longer be set; or its
            version lies outside the tested range.
    """
    if "ultralytics" in sys.modules and os.environ.get("YOLO_CONFIG_DIR") != str(home()):
        raise ModelError(
            "ultralytics was imported before yolo_tl, so it cannot be kept offline and out of the user's settings",
            hint="call yolo_tl first, or run yolo_tl in a process of its own",
        )
    os.environ.update(
        YOLO_CONFIG_DIR=str(home()),
        YOLO_OFFLINE="1",
        YOLO_AUTOINSTALL="0",
        YOLO_VERBOSE="0",
        ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS="1",
        ULTRALYTICS_SAFE_LOAD="1",
        ORT_DISABLE_TELEMETRY="1",  # which it may import; see `edge.onnx.import_onnxruntime`
    )
    os.environ.pop("ULTRALYTICS_API_KEY", None)
    # Ultralytics forces 1 when this is unset; a run sets what its plan says, see `use_threads`.
    os.environ.setdefault("OMP_NUM_THREADS", str(cores()))
    try:
        import matplotlib
        import ultralytics as package
    except ImportError as error:
        raise MissingExtra(error.name or "ultralytics", "train") from error
    _require_tested(package.__version__)
    _place_fonts(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    settings: Any = package.settings
    wanted: dict[str, Any] = {"sync": False, **dict.fromkeys(INTEGRATIONS, False)}
    if any(settings[key] != value for key, value in wanted.items()):
        settings.update(wanted)
    from ultralytics.utils import torch_utils

    torch_utils.NUM_THREADS = cores()
    return package


def use_threads(count: int) -> None:
    """Let torch use `count` CPU threads from now on.

    Ultralytics resets torch to its own number (one core left free, so 1 of 2) whenever it selects a device.
    """
    ultralytics()
    import torch
    from ultralytics.utils import torch_utils

    torch_utils.NUM_THREADS = count
    torch.set_num_threads(count)


@contextmanager
def log_to(file: Path) -> Iterator[None]:
    """Send what Ultralytics logs, and what torch warns of, into `file`; nothing of it reaches stdout or stderr."""
    ultralytics()
    from ultralytics.utils import LOGGER

    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    loggers = LOGGER, logging.getLogger("py.warnings")
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers[:], logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)
        handler.close()


def _require_tested(version: str) -> None:
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdecimal())
    low, high = TESTED
    if not low <= numbers < high:
        span = f"{'.'.join(map(str, low))} to below {'.'.join(map(str, high[:2]))}"
        raise ModelError(
            f"ultralytics {version} is installed; this package is tested with {span}",
            hint='pip install "yolo-tl[train]"',
        )


def _place_fonts(source: Path) -> None:
    """Give Ultralytics the font it would fetch otherwise (DejaVu Sans, which matplotlib brings)."""
    folder = home() / "Ultralytics"
    folder.mkdir(parents=True, exist_ok=True)
    for name in FONTS:
        if not (folder / name).exists():
            temporary = folder / f".{name}.{os.getpid()}"
            shutil.copyfile(source, temporary)
            os.replace(temporary, folder / name)
