"""Fog, blur and gamma: copies of a split as a worse camera would have taken it.

Each image gets its own fog, drawn from the seed and its place in the split, so a copy is the same on every machine and
in every run. Labels stay as they are. Images are written as PNG, because a JPEG would add a fault of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.config import save
from yolo_tl.data import read_dataset

Image = NDArray[np.uint8]
FOG = 1.0  # brightness of the thickest fog, as a share of white
BLUR = 1 / 200  # standard deviation, as a share of the longer side
GAMMA = 2.0  # above 1 is darker


def fog(image: Image, rng: np.random.Generator) -> Image:
    """Clouds of light over an image (H, W, 3): ``(x + s·n) · max x / (max x + s)`` (Hendrycks & Dietterich 2019).

    Their plasma fractal n is drawn here as octaves of smooth noise, each of half the size and half the weight.
    """
    height, width = image.shape[:2]
    clouds = np.zeros((height, width), np.float32)
    for octave in range(1, 7):
        noise = rng.random((2**octave + 1, 2**octave + 1), dtype=np.float32)
        clouds += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    clouds = (clouds - clouds.min()) / max(float(np.ptp(clouds)), 1e-6)
    clear = image.astype(np.float32) / 255
    bright = float(clear.max())
    mixed = (clear + FOG * clouds[..., None]) * bright / (bright + FOG)
    return _pixels(mixed)


def blur(image: Image, rng: np.random.Generator) -> Image:
    """An image (H, W, 3) out of focus: Gaussian, as wide for its size in every image."""
    sigma = BLUR * max(image.shape[:2])
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def gamma(image: Image, rng: np.random.Generator) -> Image:
    """An image (H, W, 3) exposed too little: ``x ** GAMMA``."""
    return _pixels((image.astype(np.float32) / 255) ** GAMMA)


CORRUPTIONS: Mapping[str, Callable[[Image, np.random.Generator], Image]] = {"fog": fog, "blur": blur, "gamma": gamma}


def corrupted_copy(data: Path, out: Path, kind: str, *, split: str = "val", seed: int = 0) -> Path:
    """A data set in the new folder `out` with one split, `split`, whose images are corrupted.

    Args:
        data: the data set; it is not modified.
        out: the folder to make.
        kind: a name in `CORRUPTIONS`.
        split: the split to copy.
        seed: of the fog.
    """
    dataset = read_dataset(data)
    chosen = dataset.split(split)
    images, labels = out / "images" / split, out / "labels" / split
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    for number, (image, label) in enumerate(zip(chosen.images, chosen.labels, strict=True)):
        name = f"{number:05d}-{image.stem}"  # keeps the order of the split
        picture = np.asarray(cv2.imread(str(image), cv2.IMREAD_COLOR), np.uint8)
        worse = CORRUPTIONS[kind](picture, np.random.default_rng((seed, number)))
        cv2.imwrite(str(images / f"{name}.png"), worse)
        if label.is_file():
            shutil.copyfile(label, labels / f"{name}.txt")
    save(out / "data.yaml", {split: f"images/{split}", "names": dict(enumerate(dataset.names))})
    return out


def _pixels(values: NDArray[np.float32]) -> Image:
    return np.asarray((values * 255).round().clip(0, 255), np.uint8)
