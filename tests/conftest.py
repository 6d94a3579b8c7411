"""Fixtures for all tests: an isolated home, the generated sample, the shared real data where they are."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Slow machines are no failure. CI repeats the same examples, so that it fails for a change and not by chance.
settings.register_profile(
    "here", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("here")

# Before anything imports the engine: its configuration folder is this session's own.
os.environ["YOLO_TL_HOME"] = tempfile.mkdtemp(prefix="yolo_tl-tests-")
os.environ.pop("YOLO_TL_WEIGHTS", None)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real data and weights: ``$YOLO_TL_SHARED``, else ``../shared`` beside the checkout."""
    folder = Path(os.environ.get("YOLO_TL_SHARED", ROOT.parent / "shared"))
    if not (folder / "data" / "bccd").is_dir():
        pytest.skip("the shared real data are not here")
    return folder


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small converted data set: 24 generated images, three classes."""
    from yolo_tl.data import convert, make_sample

    folder = tmp_path_factory.mktemp("sample")
    make_sample(folder / "voc", images=24, size=(96, 128), seed=1)
    convert(folder / "voc", folder / "data")
    return folder / "data"


@pytest.fixture(scope="session")
def ultralytics():
    """The Ultralytics package, imported hermetically."""
    from yolo_tl.engine.hermetic import ultralytics

    return ultralytics()


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data set of 40 generated images, and a YOLO26n checkpoint that has begun to find its shapes."""
    import yolo_tl
    from yolo_tl.data import make_sample

    folder = tmp_path_factory.mktemp("learned")
    make_sample(folder / "voc", images=40, size=(96, 96), seed=3)
    yolo_tl.convert(folder / "voc", folder / "data")
    options = {"epochs": 40, "imgsz": 96, "batch": 4, "threads": 1, "device": "cpu", "augment.mosaic": 0.0}
    result = yolo_tl.train(folder / "data", "yolo26n.yaml", out=folder / "run", overrides=options)
    assert result.evaluation.metrics.map50_95 > 0.05, "the fixture has learned nothing; tests on it would prove nothing"
    return folder / "data", result.weights
