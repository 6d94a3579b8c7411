"""Small operations on pictures that every scene is made of."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) BGR
Grey = NDArray[np.uint8]  # (H, W)
Floats = NDArray[np.float32]
Color = Sequence[float]  # B, G, R from 0 to 255


def ramp(*stops: tuple[float, Color]) -> NDArray[np.uint8]:
    """A colour table (256, 1, 3) for `colored`: linear between (grey level, colour) stops."""
    levels = [level for level, _ in stops]
    table = np.stack([np.interp(np.arange(256), levels, [c[i] for _, c in stops]) for i in range(3)], axis=1)
    return table.clip(0, 255).round().astype(np.uint8)[:, None]


def colored(grey: Grey, table: NDArray[np.uint8]) -> Image:
    """A grey picture through a colour table."""
    image: Image = cv2.applyColorMap(grey, table)
    return image


def grey_of(values: Floats, scale: float = 1.0) -> Grey:
    """Values, times `scale`, as bytes."""
    grey: Grey = cv2.convertScaleAbs(np.maximum(values, 0), alpha=scale)
    return grey


def blend(under: Image, over: Image, alpha: Grey) -> Image:
    """`over` on `under`, by coverage 0..255; where that is 0 `under` stays to the bit."""
    inverse = cv2.bitwise_not(alpha)
    left = cv2.multiply(under, cv2.merge([inverse] * 3), scale=1 / 255)
    right = cv2.multiply(over, cv2.merge([alpha] * 3), scale=1 / 255)
    blended: Image = cv2.add(left, right)
    return blended


def tinted(image: Image, gains: Color) -> Image:
    """Each channel times a gain."""
    steps = np.arange(256)[:, None] * np.asarray(gains, np.float64)
    result: Image = cv2.LUT(image, steps.clip(0, 255).round().astype(np.uint8)[:, None])
    return result


def mixed(first: Color, second: Color, share: float) -> tuple[float, float, float]:
    """A colour between two: `share` of the second."""
    b, g, r = ((1 - share) * x + share * y for x, y in zip(first, second, strict=True))
    return b, g, r
