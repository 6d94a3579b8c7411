"""Outlines of damage: lines that taper, and blobs."""

from __future__ import annotations

import numpy as np

from yolo_tl.data.scenes.outline import Points


def scratch(rng: np.random.Generator, center: Points, length: float, width: float) -> Points:
    """A curved line, wide in the middle and pointed at its ends; never along an axis, so its box has an area.

    Args:
        rng: chooses direction, bend and unevenness.
        center: x, y of its middle, px.
        length: px.
        width: in the middle, px.
    """
    direction = rng.uniform(0.38, np.pi / 2 - 0.38) * rng.choice([-1, 1])
    count = int(np.clip(length / 3, 8, 48))
    t = np.linspace(-0.5, 0.5, count)
    bend, wave = rng.normal(0, 0.22), rng.normal(0, 0.03)
    across = length * (bend * (t**2 - 0.1) + wave * np.sin(2 * np.pi * t * rng.uniform(1, 2)))
    cos, sin = np.cos(direction), np.sin(direction)
    line = np.stack([t * length * cos - across * sin, t * length * sin + across * cos], axis=1) + center
    slope = np.gradient(line, axis=0)
    normal = np.stack([-slope[:, 1], slope[:, 0]], axis=1) / np.hypot(slope[:, 0], slope[:, 1])[:, None]
    taper = np.clip(1 - (2 * np.abs(t)) ** 3, 0.3, 1) * (1 + 0.16 * rng.standard_normal((2, count)))
    half = np.maximum(width * taper / 2, 0.55)[..., None]
    return np.concatenate([line + normal * half[0], (line - normal * half[1])[::-1]])


def blob(rng: np.random.Generator, center: Points, reach: float, unevenness: float) -> Points:
    """A closed curve around its centre.

    Args:
        rng: chooses its form.
        center: x, y, px.
        reach: about its longest extent, px.
        unevenness: 0 for an ellipse.
    """
    angles = np.linspace(0, 2 * np.pi, int(np.clip(reach, 20, 120)), endpoint=False)
    radius = np.ones_like(angles)
    for wave in range(2, 9):
        radius += unevenness / wave**0.9 * rng.normal() * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    radius = np.maximum(radius, 0.35)
    flat, turn = rng.uniform(0.55, 1.0), rng.uniform(0, np.pi)
    x, y = radius * np.cos(angles), flat * radius * np.sin(angles)
    points = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=1)
    scaled: Points = points * (reach / np.ptp(points, axis=0).max()) + center
    return scaled
