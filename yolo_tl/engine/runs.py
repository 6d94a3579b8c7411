"""The run folder: what was planned, on what machine, what came out.

::

    run.yaml            the plan, every value with its reason and source
    environment.json    versions, device, seed
    metrics.json        results on val, with confidence intervals
    results.csv         losses and scores by epoch (written by Ultralytics)
    engine.log          what Ultralytics had to say
    weights/best.pt     plain Ultralytics checkpoints that load without this package
    weights/last.pt
    state/last.pt       the last checkpoint with optimizer state, unstripped
"""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from yolo_tl import __version__
from yolo_tl.config import save
from yolo_tl.errors import WriteError
from yolo_tl.files import require_free, write_json
from yolo_tl.transfer.plan import TrainPlan

PACKAGES = ("ultralytics", "torch", "torchvision", "numpy", "opencv-python", "albumentations", "onnx", "onnxruntime")


def new_run(folder: Path | str | None, *, overwrite: bool = False) -> Path:
    """Make a run folder; without a name, the next free ``runs/trainN``.

    Raises:
        UsageError: the folder holds files.
        WriteError: it cannot be made.
    """
    if folder is None:
        number = 1
        while (path := Path("runs") / f"train{number}").exists():
            number += 1
    else:
        path = Path(folder)
        require_free(path, overwrite=overwrite)
    try:
        (path / "weights").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{path}: the run folder could not be made: {error.strerror}") from error
    return path.resolve()


def describe_run(run: Path, plan: TrainPlan) -> None:
    """Write ``run.yaml`` and ``environment.json``."""
    save(run / "run.yaml", plan.to_json())
    write_json(run / "environment.json", environment())


def environment() -> dict[str, Any]:
    """Versions of this package, Python and the packages that decide a result."""
    return {
        "yolo_tl": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: version for name in PACKAGES if (version := installed(name))},
    }


def installed(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
