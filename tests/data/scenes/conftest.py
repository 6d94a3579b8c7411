from __future__ import annotations

from pathlib import Path

import pytest

from yolo_tl.data.scenes import make_scenes
from yolo_tl.data.scenes.drawing import Scene, Studio

SIZE = 192
COUNT = 45


@pytest.fixture(scope="session")
def scenes() -> list[Scene]:
    """The first pictures of a series, small."""
    studio = Studio(3, SIZE)
    return [studio.draw(index) for index in range(COUNT)]


@pytest.fixture(scope="session")
def coco_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set with boxes and polygons."""
    out = tmp_path_factory.mktemp("scenes") / "coco"
    make_scenes(out, format="coco", images=24, size=SIZE, seed=5)
    return out
