"""The run folder: what was planned, on what machine, what came out.

::

    run.yaml            the plan, every value with its reason and source
    environment.json    versions, device, seed
    metrics.json        results on val, with confidence intervals
    results.csv         losses and scores by epoch (written by Ultralytics)
    engine.log          what Ultralytics had to say
    engine.rankN.log    the same, of the other training processes
    weights/best.pt     plain Ultralytics checkpoints that load without this package
    weights/last.pt
    weights/epochN.pt   the last epochs, if they were to be kept
    batch.jpg           the first batch as the network saw it
    curves.png          losses, scores and learning rate by epoch
    report.html         all of it on one page
    state/start.pt      the network the run started from, with this data's classes
    state/last.pt       what `resume` goes on from
    state/data.json     digests of the data
    state/augment.yaml  the augmentation pipeline
"""

from __future__ import annotations

import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from yolo_tl import __version__
from yolo_tl.config import save
from yolo_tl.errors import ResumeError, WriteError
from yolo_tl.files import require_free, require_schema, stamped, write_json
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
        for name in ("weights", "state", "not-finite"):  # of an earlier run, or this one would go on with it
            shutil.rmtree(path / name, ignore_errors=True)
        of_before = ("metrics.json", "predictions.npz", "qualification.json", "batch.jpg", "curves.png", "report.html")
        for name in (*of_before, "results.csv", "engine.log"):
            (path / name).unlink(missing_ok=True)
        for name in ("weights", "state"):
            (path / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{path}: the run folder could not be made: {error.strerror}") from error
    return path.resolve()


def describe_run(run: Path, plan: TrainPlan) -> None:
    """Write ``run.yaml`` and ``environment.json``."""
    save(run / "run.yaml", stamped("run.yaml", plan.to_json()))
    write_json(run / "environment.json", stamped("environment.json", environment()))


def kept_plan(run: Path) -> dict[str, Any]:
    """The content of ``run.yaml``.

    Raises:
        ResumeError: the folder is not that of a run, or the file is damaged or of a newer version.
    """
    path = run / "run.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ResumeError(f"{run}: not a run folder, it has no run.yaml") from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ResumeError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("decisions"), dict):
        raise ResumeError(f"{path}: not the plan of a run")
    require_schema("run.yaml", content, path, ResumeError)
    return content


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
