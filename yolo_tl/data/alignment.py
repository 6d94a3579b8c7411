"""How alike two small pictures are once one is laid on the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_COARSE_STEPS, _FINE_STEPS = 6, 4  # of Gauss-Newton
_COARSE_BLUR, _FINE_BLUR = 1.0, 0.8  # px of the picture it is done on
_DAMPING = 1e-3
_FARTHEST = 0.16  # how far a corner may travel, as a share of the side
_HOPELESS = 0.6  # pairs less alike after the coarse search are not searched further
_CHUNK = 2048


def likeness(a: Floats, b: Floats) -> Floats:
    """(P,) correlation, -1 to 1, of each a with its b (P, H, W), after the best small affine movement.

    Shifts, crops and rotations of a few percent are undone by Lucas and Kanade's method, first
    at half the size. Brightness and contrast do not count.
    """
    parts = [_likeness(a[i : i + _CHUNK], b[i : i + _CHUNK]) for i in range(0, len(a), _CHUNK)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _likeness(a: Floats, b: Floats) -> Floats:
    still = np.zeros((len(a), 3, 2), np.float32)
    small_a, small_b = (_blurred(_halved(pictures), _COARSE_BLUR) for pictures in (a, b))
    motion = _aligned(small_a, small_b, still, _COARSE_STEPS)
    result = np.maximum(_correlation(small_a, small_b, still), _correlation(small_a, small_b, motion))
    alike = np.flatnonzero(result >= _HOPELESS)
    if not len(alike):
        return result
    fine_a, fine_b = (_blurred(pictures[alike], _FINE_BLUR) for pictures in (a, b))
    found = _aligned(fine_a, fine_b, motion[alike] * 2, _FINE_STEPS)
    result[alike] = np.maximum(_correlation(fine_a, fine_b, still[alike]), _correlation(fine_a, fine_b, found))
    return result


def _aligned(a: Floats, b: Floats, motion: Floats, steps: int) -> Floats:
    """(P, 3, 2) movement in px, of the functions 1, x, y of the place, that lays a on b."""
    count, height, width = a.shape
    basis = _basis(height, width)
    stack = np.stack([a, np.gradient(a, axis=2), np.gradient(a, axis=1)], axis=-1).reshape(-1, 3)
    flat = b.reshape(count, height * width)
    for _ in range(steps):
        sampled, inside = _sampled(stack, motion, (count, height, width))
        moved, scale = _standard(sampled[:, :, 0], inside)
        target, _ = _standard(flat, inside)
        slopes = sampled[:, :, 1:] * scale[:, :, None]
        jacobian = np.concatenate([slopes[:, :, :1] * basis, slopes[:, :, 1:] * basis], axis=2)
        weighted = jacobian * inside[:, :, None]
        normal = weighted.transpose(0, 2, 1) @ jacobian
        damping = _DAMPING * np.trace(normal, axis1=1, axis2=2) + 1e-6
        normal += np.eye(6, dtype=np.float32) * damping[:, None, None]
        error = weighted.transpose(0, 2, 1) @ (target - moved)[:, :, None]
        step = np.linalg.solve(normal, error).reshape(count, 2, 3).transpose(0, 2, 1)
        motion = motion + step
        travel = np.abs(motion).sum(axis=1) / (width, height)
        motion = np.where((travel <= _FARTHEST).all(axis=1)[:, None, None], motion, 0)  # astray: back to the start
    return motion.astype(np.float32)


def _basis(height: int, width: int) -> Floats:
    ys, xs = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones(xs.size), xs.ravel(), ys.ravel()], axis=1).astype(np.float32)


def _sampled(stack: Floats, motion: Floats, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """(P, H * W, C) the values of `stack` (P * H * W, C) at the moved places, and 1 where these lie inside."""
    count, height, width = shape
    moved = _basis(height, width) @ motion
    ys, xs = np.divmod(np.arange(height * width, dtype=np.float32), np.float32(width))
    x, y = moved[:, :, 0] + xs, moved[:, :, 1] + ys
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    left, top = np.clip(x.astype(np.int32), 0, width - 2), np.clip(y.astype(np.int32), 0, height - 2)
    u, v = np.clip(x - left, 0, 1)[:, :, None], np.clip(y - top, 0, 1)[:, :, None]
    at = np.arange(count)[:, None] * (height * width) + top * width + left
    upper = stack[at] * (1 - u) + stack[at + 1] * u
    lower = stack[at + width] * (1 - u) + stack[at + width + 1] * u
    return upper * (1 - v) + lower * v, inside.astype(np.float32)


def _standard(values: Floats, inside: Floats) -> tuple[Floats, Floats]:
    """`values` (P, H * W) with mean 0 and deviation 1 over `inside`, and the factor that made them so."""
    total = np.maximum(inside.sum(axis=1, keepdims=True), 1)
    centred = values - (values * inside).sum(axis=1, keepdims=True) / total
    deviation = np.sqrt((centred**2 * inside).sum(axis=1, keepdims=True) / total)
    factor = 1 / np.maximum(deviation, np.float32(1e-6))
    return centred * factor, factor


def _correlation(a: Floats, b: Floats, motion: Floats) -> Floats:
    sampled, inside = _sampled(a.reshape(-1, 1), motion, (len(a), a.shape[1], a.shape[2]))
    x, _ = _standard(sampled[:, :, 0], inside)
    y, _ = _standard(b.reshape(len(b), inside.shape[1]), inside)
    result: Floats = (x * y * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    return result


def _halved(pictures: Floats) -> Floats:
    count, height, width = pictures.shape
    result: Floats = pictures.reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    return result


def _blurred(pictures: Floats, sigma: float) -> Floats:
    """Gaussian blur along both axes; the borders are repeated."""
    result = _blur(pictures.shape[1], sigma) @ pictures @ _blur(pictures.shape[2], sigma).T
    return result.astype(np.float32, copy=False)


def _blur(size: int, sigma: float) -> Floats:
    """(size, size) the matrix of a Gaussian blur."""
    radius = int(3 * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    matrix = np.zeros((size, size), np.float32)
    rows = np.arange(size)[:, None]
    np.add.at(matrix, (rows, np.clip(rows + offsets, 0, size - 1)), kernel / kernel.sum())
    return matrix
