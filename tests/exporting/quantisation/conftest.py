from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.networks import exported

from yolo_tl.exporting.quantisation.calibration import Calibration


@pytest.fixture(scope="session")
def float_file() -> Path:
    """A network of seven layers in float32."""
    return exported("detect", "onnx")


@pytest.fixture(scope="session")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    """Twelve images of noise."""
    folder = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(0)
    for i in range(12):
        cv2.imwrite(str(folder / f"{i}.png"), rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    return Calibration.of(folder, folder.glob("*.png"))
