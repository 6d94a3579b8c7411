"""Toy bundles, and servers around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.bundles import ONE, toy_bundle
from support.servers import Client, Process

from yolo_tl.serving.limits import Limits
from yolo_tl.serving.service import Service


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two bundles, ``a`` and ``b``, of the same classes and other answers."""
    folder = tmp_path_factory.mktemp("models")
    toy_bundle(folder / "a")
    toy_bundle(folder / "b", seed=1)
    return folder


@pytest.fixture(scope="session")
def bundle(models: Path) -> Path:
    return models / "a"


@pytest.fixture(scope="session")
def png(bundle: Path) -> bytes:
    """An image in which both models find something."""
    return (bundle / "golden" / "00.png").read_bytes()


@pytest.fixture(scope="session")
def jpeg(png: bytes) -> bytes:
    encoded = cv2.imencode(".jpg", cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR))[1]
    return bytes(encoded.tobytes())


Serve = Callable[..., Service]


@pytest.fixture
def service(bundle: Path) -> Iterator[Serve]:
    """Make a service around the first bundle; its workers end with the test."""
    made: list[Service] = []

    def make(path: Path = bundle, *, limits: dict[str, Any] | None = None, **options: Any) -> Service:
        made.append(Service(path, limits=Limits(**(limits or {})), **{"options": ONE, **options}))
        return made[-1]

    yield make
    for one in made:
        one.workers.close()


@pytest.fixture
def client(service: Serve) -> Callable[..., Client]:
    """Make a client of a service made with these options."""
    return lambda *args, **options: Client(service(*args, **options))


@pytest.fixture(scope="module")
def processes() -> Iterator[Callable[..., Process]]:
    """Start servers that end with the module."""
    started: list[Process] = []

    def start(*args: Any, **options: Any) -> Process:
        started.append(Process(*args, **options))
        return started[-1]

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.communicate()
