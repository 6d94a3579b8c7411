from __future__ import annotations

from pathlib import Path

import pytest
from support.bundles import toy_bundle

from yolo_tl.device_kit.wheel import own_wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this package, built once."""
    return own_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("deployed") / "bundle")
