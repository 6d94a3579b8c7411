"""Pictures of awkward shapes, and a toy network that is built in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.toys import toy_network

Toy = Callable[..., Path]


@pytest.fixture(scope="session")
def pictures() -> list[np.ndarray]:
    """Smooth noise in shapes that letterboxing treats differently: square, long, thin, odd, upscaled."""
    rng = np.random.default_rng(7)
    sizes = [(64, 64), (100, 37), (45, 217), (240, 320), (405, 540), (65, 63), (20, 60)]
    small = [rng.integers(0, 256, (max(h // 9, 2), max(w // 9, 2), 3), dtype=np.uint8) for h, w in sizes]
    return [cv2.resize(s, (w, h), interpolation=cv2.INTER_CUBIC) for s, (h, w) in zip(small, sizes, strict=True)]


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """Write a toy network (see `support.toys`) under a name in the test's folder."""

    def make(name: str = "toy.onnx", **options: Any) -> Path:
        return toy_network(tmp_path / name, **options)

    return make
