"""What parts and grounds are made of, and how a part stands out: paint, film, hollow or engraving."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Random = np.random.Generator


def clouds(rng: Random, size: int, roughness: float) -> Floats:
    """Soft noise of many scales (size, size), standard deviation 1; the rougher the finer."""
    field = np.zeros((size, size), np.float32)
    for octave in range(1, 7):
        cells = 2**octave + 1
        grid = rng.standard_normal((cells, cells)).astype(np.float32)
        field += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) * np.float32(roughness**octave)
    return (field - field.mean()) / max(1e-6, float(field.std()))


def pattern(rng: Random, size: int) -> Floats:
    """A texture (size, size) around 0, about -1 to 1: lines, checks, dots, streaks, or soft or fine noise."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    turn, pitch = rng.uniform(0, np.pi), rng.uniform(4, 40)
    u = (x * np.cos(turn) + y * np.sin(turn)) * (2 * np.pi / pitch)
    v = (y * np.cos(turn) - x * np.sin(turn)) * (2 * np.pi / (pitch * rng.uniform(0.6, 1.6)))
    kind = int(rng.integers(8))
    if kind == 0:
        made = np.sin(u)
    elif kind == 1:
        made = np.sign(np.sin(u) * np.sin(v))
    elif kind == 2:
        made = np.maximum(np.cos(u) + np.cos(v) - 1, 0) * 2 - 0.5
    elif kind == 3:
        made = np.sin(u + 1.5 * clouds(rng, size, 0.5))
    elif kind == 4:
        noise = rng.standard_normal((size, size)).astype(np.float32)
        made = cv2.blur(noise, (int(rng.integers(9, 61)), 1)) * 4
        made = made if rng.random() < 0.5 else made.T
    elif kind == 5:
        made = cv2.GaussianBlur(rng.standard_normal((size, size)).astype(np.float32), (0, 0), rng.uniform(0.5, 1.5)) * 2
    else:
        made = clouds(rng, size, rng.uniform(0.45, 0.95)) * 0.6
    return np.ascontiguousarray(made, np.float32).clip(-1.5, 1.5)


def color(rng: Random) -> Floats:
    """B, G, R, 20 to 235; often near grey."""
    grey = rng.uniform(25, 225)
    return np.clip(grey + rng.normal(0, rng.choice([6, 40]), 3), 20, 235).astype(np.float32)


def ground(rng: Random, size: int) -> Floats:
    """A background (size, size, 3): a texture, panels of others, lines and specks, as on no particular product."""
    image = color(rng) + pattern(rng, size)[..., None] * np.float32(rng.uniform(2, 30))
    for _ in range(int(rng.integers(0, 6))):
        x, y = rng.uniform(-0.2, 1, 2) * size
        w, h = rng.uniform(0.1, 1.1, 2) * size
        corners = cv2.boxPoints(
            ((float(x + w / 2), float(y + h / 2)), (float(w), float(h)), float(rng.uniform(0, 180)))
        )
        if rng.random() < 0.5:  # along the axes, as most man-made things are
            corners = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], np.float32)
        mask = np.zeros((size, size), np.uint8)
        cv2.fillConvexPoly(mask, corners.astype(np.int32), 1, cv2.LINE_AA)
        tone = color(rng) + pattern(rng, size)[..., None] * np.float32(rng.uniform(0, 20))
        share = np.float32(rng.uniform(0.3, 1.0))
        image = np.where(mask[..., None] > 0, image + (tone - image) * share, image)
    for _ in range(int(rng.integers(0, 10))):
        ends = (rng.uniform(-0.1, 1.1, 4) * size).astype(int).tolist()
        cv2.line(image, ends[:2], ends[2:], color(rng).tolist(), int(rng.integers(1, 3)), cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 14))):
        x, y = (rng.uniform(0, 1, 2) * size).astype(int).tolist()
        cv2.circle(image, (x, y), int(rng.integers(1, 4)), color(rng).tolist(), -1, cv2.LINE_AA)
    return image.astype(np.float32)


def applied(rng: Random, under: Floats, alpha: Floats, light: float) -> Floats:
    """A part on a piece of background, in a look of its own.

    Args:
        rng: chooses the look and its strength.
        under: (h, w, 3) BGR.
        alpha: (h, w) coverage 0 to 1.
        light: radians the light comes from.
    """
    h, w = alpha.shape
    toward = np.cos(light), np.sin(light)
    soft = cv2.GaussianBlur(alpha, (0, 0), max(0.7, rng.uniform(0.01, 0.08) * max(h, w)))
    slope = cv2.Sobel(soft, cv2.CV_32F, 1, 0) * toward[0] + cv2.Sobel(soft, cv2.CV_32F, 0, 1) * toward[1]
    slope = slope / max(1e-6, float(np.abs(slope).max()))
    kind = rng.choice(["paint", "film", "hollow", "engraving"], p=[0.35, 0.25, 0.25, 0.15])
    if kind == "hollow":
        sign = rng.choice([-1.0, 1.0])
        gain = 1 + slope * sign * rng.uniform(0.2, 0.6) - 0.12 * soft
        return (under * gain[..., None]).astype(np.float32)
    if kind == "engraving":
        edge = cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        return (under + (color(rng) - under) * (edge * rng.uniform(0.4, 1.0))[..., None]).astype(np.float32)
    texture = pattern(rng, max(h, w))[:h, :w, None]
    over = color(rng) + texture * np.float32(rng.uniform(0, 28))
    if kind == "film":
        density = alpha * (rng.uniform(0.25, 0.7) + 0.2 * texture[..., 0])
        return (under + (over - under) * density.clip(0, 1)[..., None]).astype(np.float32)
    over = over * (1 + rng.uniform(0, 0.5) * slope)[..., None]
    return (under + (over - under) * alpha[..., None]).astype(np.float32)
