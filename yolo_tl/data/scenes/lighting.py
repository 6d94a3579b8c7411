"""Light on a scene: gradients, spots, the fall-off of the lens, and reflections that are no defects."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_tl.data.scenes.camera import Camera
from yolo_tl.data.scenes.pixels import Floats, Image
from yolo_tl.data.scenes.shots import Drift
from yolo_tl.data.scenes.stage import Stage

_CELLS = 24
_UNIT = 100  # grey level of a gain field that stands for 1


def lit(stage: Stage, drift: Drift, camera: Camera, rng: np.random.Generator) -> Image:
    """The picture of a stage in the light of its lot; brightness in proportion to the light."""
    height, width = stage.image.shape[:2]
    field = _field(drift, camera, rng)
    if stage.shade is not None:
        wide = cv2.resize(field, (width, _CELLS), interpolation=cv2.INTER_LINEAR)
        field = wide * stage.shade[..., None]
    coarse = (field * _UNIT).clip(0, 255).astype(np.uint8)
    gain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    image: Image = cv2.multiply(stage.image, gain, scale=1 / _UNIT)
    if rng.random() < 0.25:
        image = cv2.add(image, _reflection(rng, width, height))
    return image


def _field(drift: Drift, camera: Camera, rng: np.random.Generator) -> Floats:
    """Gain of B, G and R on a coarse grid."""
    line = np.linspace(-1, 1, _CELLS, dtype=np.float32)
    x, y = line[None], line[:, None]
    toward = np.deg2rad(drift.light + rng.normal(0, 12))
    slope = rng.uniform(0.06, 0.24)
    field = 1 + slope * (np.cos(toward) * x + np.sin(toward) * y) - camera.vignette * (x**2 + y**2) / 2
    sx, sy = rng.uniform(-0.8, 0.8, 2)
    field = field + rng.uniform(0, 0.16) * np.exp(-((x - sx) ** 2 + (y - sy) ** 2) / 0.5)
    exposure = drift.exposure * float(np.exp(rng.normal(0, 0.06)))
    warmth = rng.normal(0, 0.015)
    white = np.array([1 - warmth, 1, 1 + warmth], np.float32)
    gain: Floats = (field[..., None] * exposure * white).astype(np.float32)
    return gain


def _reflection(rng: np.random.Generator, width: int, height: int) -> Image:
    """A faint mirror image of a lamp: a soft strip."""
    side = 80
    strip = np.zeros((side, side), np.uint8)
    center = rng.uniform(0.1, 0.9, 2) * side
    size = (float(rng.uniform(30, 90)), float(rng.uniform(3, 9)))
    corners = cv2.boxPoints((center.tolist(), size, float(rng.uniform(0, 180))))
    cv2.fillConvexPoly(strip, corners.astype(np.int32), int(rng.integers(22, 60)), cv2.LINE_AA)
    strip = cv2.GaussianBlur(strip, (0, 0), float(rng.uniform(1.0, 3.0)))
    soft = cv2.resize(strip, (width, height), interpolation=cv2.INTER_LINEAR)
    reflection: Image = cv2.merge([soft] * 3)
    return reflection
