"""Fixtures for all tests: an isolated home, the generated sample, the shared real data where they are."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Slow machines are no failure. CI repeats the same examples, so that it fails for a change and not by chance.
settings.register_profile(
    "here", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("here")

# Before anything imports the engine: its configuration folder is this session's own.
_HOME = tempfile.TemporaryDirectory(prefix="yolo_tl-tests-", ignore_cleanup_errors=True)
os.environ["YOLO_TL_HOME"] = _HOME.name
os.environ.pop("YOLO_TL_WEIGHTS", None)
# The networks of tests are too small for several threads, and tests run beside each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that of several processes none is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


_making: list[pytest.FixtureDef[Any]] = []  # being set up, each for the one before it
_made: dict[int, list[Path]] = {}  # folders of the fixtures of modules


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    _making.append(fixturedef)
    try:
        return (yield)
    finally:
        _making.pop()


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    for folder in _made.pop(id(fixturedef), ()):
        if not request.session.testsfailed:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _folders_end_with_their_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pytest keeps them until all tests have run: checkpoints of every module, a gigabyte."""
    make: Callable[..., Path] = tmp_path_factory.mktemp

    def noted(*given: Any, **options: Any) -> Path:
        folder = make(*given, **options)
        if _making and _making[-1].scope == "module":
            _made.setdefault(id(_making[-1]), []).append(folder)
        return folder

    tmp_path_factory.mktemp = noted  # type: ignore[method-assign]
    yield
    tmp_path_factory.mktemp = make  # type: ignore[method-assign]


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
    """A data set of 40 generated images, and a YOLO26n checkpoint that finds its shapes."""
    from filelock import FileLock

    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one process trains it, the others wait for it
        place = place.parent
    folder = place / "learned"
    with FileLock(place / "learned.lock"):
        if not (folder / "learned").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _learn(folder)
            (folder / "learned").touch()
    return folder / "data", folder / "run" / "weights" / "best.pt"


def _learn(folder: Path) -> None:
    import yolo_tl
    from yolo_tl.data import make_sample

    make_sample(folder / "voc", images=40, size=(96, 96), seed=3)
    yolo_tl.convert(folder / "voc", folder / "data")
    options = {"epochs": 8, "imgsz": 96, "batch": 4, "threads": 1, "device": "cpu", "augment.mosaic": 0.0}
    start = str(ROOT / "weights" / "yolo26n-parts.pt")
    result = yolo_tl.train(folder / "data", start, out=folder / "run", overrides=options)
    assert result.evaluation.metrics.map50_95 > 0.05, "the fixture has learned nothing; tests on it would prove nothing"
