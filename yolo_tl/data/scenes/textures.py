"""Grey noise of several materials, drawn once for a seed and cut from for every picture."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_tl.data.scenes.chance import Purpose, generator
from yolo_tl.data.scenes.pixels import Floats, Grey, Image


class Textures:
    """Square textures around 128, larger than any picture.

    Args:
        seed: of the noise.
        size: longer side of the pictures, px.

    Attributes:
        grain: sensor noise, BGR, with a standard deviation of 24; neighbours correlate as after demosaicing.
        speckle: fine noise of matt surfaces.
        cloud: soft noise of all scales.
        brushed: streaks along x.
        weave: a woven belt.
        fibre: pressed paper, with flecks.
    """

    def __init__(self, seed: int, size: int) -> None:
        rng = generator(seed, Purpose.TEXTURES)
        side = int(size * 1.6) + 64
        self.side = side

        def normal(*shape: int) -> Floats:
            return rng.standard_normal(shape, np.float32)

        fine = normal(side, side)
        luma = _standard(cv2.GaussianBlur(fine, (3, 3), 0.55)) * 22
        chroma = cv2.resize(normal(side // 2, side // 2, 3), (side, side), interpolation=cv2.INTER_LINEAR) * 12
        self.grain: Image = _bytes(luma[..., None] + chroma)
        self.speckle: Grey = _bytes(_standard(cv2.GaussianBlur(fine[::-1], (5, 5), 0.8)) * 26)
        field = np.zeros((side, side), np.float32)
        for octave in range(2, 8):
            cells = 2**octave
            field += cv2.resize(normal(cells, cells), (side, side), interpolation=cv2.INTER_CUBIC) * 0.55**octave
        self.cloud: Grey = _bytes(_standard(field) * 44)
        streaks = cv2.blur(cv2.blur(normal(side, side), (63, 1)), (25, 1))
        short = cv2.blur(fine.T, (15, 1))
        self.brushed: Grey = _bytes(_standard(streaks) * 22 + _standard(short) * 12)
        pitch = max(3.0, 9 * size / 640)
        x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
        twill = np.sin(2 * np.pi * (x + y) / pitch) * np.sin(2 * np.pi * (x - y) / (2 * pitch))
        self.weave: Grey = _bytes(twill * 36 + luma[::-1] * 0.4)
        matted = _standard(cv2.blur(normal(side, side), (11, 1))) + _standard(cv2.blur(fine, (1, 7)))
        flecks = cv2.GaussianBlur((fine > 3.1).astype(np.float32), (0, 0), 0.9) * 160
        self.fibre: Grey = _bytes(matted * 10 - flecks + 5 * np.sin(2 * np.pi * y / (2.4 * pitch)))


def cut(texture: Grey, rng: np.random.Generator, width: int, height: int) -> Grey:
    """A piece of a texture from anywhere in it; a view."""
    rows, columns = texture.shape[:2]
    x, y = int(rng.integers(0, columns - width + 1)), int(rng.integers(0, rows - height + 1))
    piece = texture[y : y + height, x : x + width]
    return piece[::-1] if rng.random() < 0.5 else piece


def _standard(values: Floats) -> Floats:
    result: Floats = (values - values.mean()) / values.std()
    return result


def _bytes(values: Floats) -> Grey:
    return (values + 128).clip(0, 255).astype(np.uint8)
