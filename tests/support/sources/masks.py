"""Mask images: three images in two splits, one a background; classes 1 and 2, an object with a hole."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from support.pictures import picture


def write(folder: Path) -> None:
    values = np.zeros((50, 100), np.uint8)
    values[5:25, 10:40] = 1
    values[10:15, 20:30] = 0
    values[30:40, 60:70] = 1
    values[30:40, 70:80] = 2
    for name, content in (("train/a", values), ("train/b", values * 0), ("val/c", values[::-1])):
        picture(folder / "images" / f"{name}.jpg")
        save(folder / "masks" / f"{name}.png", content)
    (folder / "classes.txt").write_text("scratch\ndent\n")


def save(path: Path, values: NDArray[np.integer]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, values)[1].tobytes())
