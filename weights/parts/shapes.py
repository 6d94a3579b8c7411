"""Silhouettes of sixteen machine parts: outlines around the origin, about 2 long, and their holes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (N, 2)
Silhouette = tuple[Points, list[Points]]  # outline and holes
Random = np.random.Generator


def ellipse(x: float, y: float, a: float, b: float | None = None, count: int = 40) -> Points:
    """An ellipse around x, y."""
    t = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + a * np.cos(t), y + (a if b is None else b) * np.sin(t)], axis=1)


def polar(radius: Points, angle: Points) -> Points:
    """Points at radii and angles."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def mirrored(half: list[tuple[float, float]]) -> Points:
    """A shape symmetric to the x axis, from its upper half."""
    upper = np.array(half, np.float64)
    return np.concatenate([upper, upper[::-1] * (1, -1)])


def stroke(line: Points, width: float) -> Points:
    """A line of even width."""
    slope = np.gradient(line, axis=0)
    normal = np.stack([-slope[:, 1], slope[:, 0]], axis=1) / np.hypot(*slope.T)[:, None]
    return np.concatenate([line + normal * width / 2, (line - normal * width / 2)[::-1]])


def washer(rng: Random) -> Silhouette:
    """A ring."""
    return ellipse(0, 0, 1), [ellipse(0, 0, rng.uniform(0.35, 0.75))]


def nut(rng: Random) -> Silhouette:
    """A hexagon with a round hole."""
    corners = polar(np.ones(6), np.arange(6) * np.pi / 3)
    return corners, [ellipse(0, 0, rng.uniform(0.4, 0.62))]


def gear(rng: Random) -> Silhouette:
    """A wheel with 7 to 16 teeth."""
    teeth = int(rng.integers(7, 17))
    t = np.linspace(0, 2 * np.pi, teeth * 8, endpoint=False)
    deep = rng.uniform(0.66, 0.84)
    radius = np.where(np.arange(teeth * 8) % 8 < 4, 1.0, deep)
    return polar(radius, t), [ellipse(0, 0, rng.uniform(0.12, 0.45))]


def bolt(rng: Random) -> Silhouette:
    """A head and a shank."""
    head, shank = rng.uniform(0.3, 0.48), rng.uniform(0.12, 0.24)
    neck = rng.uniform(-0.75, -0.5)
    return mirrored([(-1, head), (neck, head), (neck, shank), (0.9, shank), (1, shank * 0.6)]), []


def bracket(rng: Random) -> Silhouette:
    """An L with two holes."""
    w, h = rng.uniform(0.3, 0.6, 2)
    outline = np.array([(-1, -1), (1, -1), (1, -1 + h), (-1 + w, -1 + h), (-1 + w, 1), (-1, 1)])
    return outline * 0.85, [ellipse(-0.85 + w * 0.42, 0.55, 0.15 * w), ellipse(0.5, -0.85 + h * 0.42, 0.15 * h)]


def plate(rng: Random) -> Silhouette:
    """A rounded rectangle, mostly with four holes."""
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    power = rng.uniform(0.2, 0.45)
    outline = np.stack(
        [np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power, np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power], 1
    )
    flat = rng.uniform(0.5, 1)
    holes = [ellipse(x * 0.68, y * 0.68 * flat, 0.11) for x in (-1, 1) for y in (-1, 1)]
    return outline * (1, flat), holes if rng.random() < 0.7 else []


def star(rng: Random) -> Silhouette:
    """4 to 8 points."""
    points = int(rng.integers(4, 9))
    radius = np.where(np.arange(2 * points) % 2 == 0, 1.0, rng.uniform(0.35, 0.6))
    return polar(radius, np.arange(2 * points) * np.pi / points), []


def cross(rng: Random) -> Silhouette:
    """Two bars of one width."""
    w = rng.uniform(0.18, 0.4)
    outline = [
        (-w, -1),
        (w, -1),
        (w, -w),
        (1, -w),
        (1, w),
        (w, w),
        (w, 1),
        (-w, 1),
        (-w, w),
        (-1, w),
        (-1, -w),
        (-w, -w),
    ]
    return np.array(outline, np.float64), []


def triangle(rng: Random) -> Silhouette:
    """Even sides, whole or a frame."""
    corners = polar(np.ones(3), np.arange(3) * 2 * np.pi / 3)
    return corners, [corners * rng.uniform(0.3, 0.55)] if rng.random() < 0.5 else []


def crescent(rng: Random) -> Silhouette:
    """A disc without another."""
    wide = rng.uniform(0.9, 1.7)
    outer = np.linspace(wide, 2 * np.pi - wide, 40)
    inner = ellipse(rng.uniform(0.3, 0.55), 0, 1)
    inside = inner[np.hypot(*inner.T) < 1]
    start = np.argmax(np.diff(np.arctan2(inside[:, 1], inside[:, 0]), prepend=0)) if len(inside) else 0
    back = np.roll(inside, -start, axis=0)
    return np.concatenate([polar(np.ones(40), outer), back[::-1] if back[0, 1] > 0 else back]), []


def arrow(rng: Random) -> Silhouette:
    """A shaft and a head."""
    shaft, head = rng.uniform(0.12, 0.3), rng.uniform(0.5, 0.75)
    return mirrored([(-1, shaft), (0.1, shaft), (0.1, head), (1, 0.01)]), []


def spring(rng: Random) -> Silhouette:
    """A wave of two to five turns."""
    t = np.linspace(-1, 1, 140)
    turns, high = rng.uniform(2.5, 5.5), rng.uniform(0.2, 0.42)
    line = np.stack([t, high * np.sin(np.pi * turns * t)], axis=1)
    return stroke(line, rng.uniform(0.07, 0.13)), []


def pin(rng: Random) -> Silhouette:
    """A thin needle with a ball."""
    w, head = rng.uniform(0.045, 0.1), rng.uniform(0.12, 0.2)
    t = np.linspace(0.35, 2 * np.pi - 0.35, 24)
    ball = np.stack([-0.85 - head * np.cos(np.pi - t), head * np.sin(np.pi - t)], axis=1)
    return np.concatenate([ball[::-1], [(1, -w / 3), (1, w / 3)]]), []


def hook(rng: Random) -> Silhouette:
    """A bar that bends round."""
    t = np.linspace(-0.5 * np.pi, rng.uniform(0.6, 1.0) * np.pi, 40)
    bow = np.stack([0.45 + 0.5 * np.cos(t), 0.5 * np.sin(t)], axis=1)
    line = np.concatenate([np.stack([np.linspace(-1, 0.4, 16), np.full(16, -0.5)], axis=1), bow])
    return stroke(line, rng.uniform(0.14, 0.26)), []


def fork(rng: Random) -> Silhouette:
    """A handle and two prongs."""
    w, gap = rng.uniform(0.36, 0.6), rng.uniform(0.14, 0.3)
    return mirrored([(-1, w * 0.45), (-0.15, w * 0.45), (0, w), (1, w), (1, gap), (0.25, gap), (0.2, 0.01)]), []


def cam(rng: Random) -> Silhouette:
    """A disc with a lobe."""
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    lift = rng.uniform(0.5, 0.9)
    radius = 0.6 + lift * np.exp(-(((t - np.pi) / rng.uniform(0.35, 0.7)) ** 2))
    return polar(radius, t) / (0.6 + lift / 2), [ellipse(0, 0, 0.14)]


SHAPES: dict[str, Callable[[Random], Silhouette]] = {
    shape.__name__: shape
    for shape in (
        washer, nut, gear, bolt, bracket, plate, star, cross,
        triangle, crescent, arrow, spring, pin, hook, fork, cam,
    )
}  # fmt: skip
"""Class → its silhouette, each a little different."""
