"""Non-maximum suppression of rotated boxes, as Ultralytics does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats

_EPS = np.float32(1e-7)
_AT_ONCE = 256  # boxes judged together; bounds the memory that thousands of candidates take


def rotated_nms(boxes: Floats, scores: Floats, *, iou: float, limit: int) -> NDArray[np.intp]:
    """Positions of the boxes that stay, best first, at most `limit`.

    Fast NMS (https://arxiv.org/abs/1904.02689): a box goes if any better one overlaps it by more than `iou`, whether
    or not that one stays itself.

    Args:
        boxes: (N, 5) centre x, centre y, width, height in px, and angle in radians; float32.
        scores: (N,).
        iou: overlap above which the weaker box goes.
        limit: stop after so many.

    >>> boxes = np.array([[5, 5, 4, 2, 0.1], [5, 5, 4, 2, 0], [50, 5, 4, 2, 0]], np.float32)
    >>> rotated_nms(boxes, np.array([0.5, 0.9, 0.1], np.float32), iou=0.5, limit=300).tolist()
    [1, 2]
    """
    order = np.argsort(-scores, kind="stable")
    ranked = boxes[order]
    kept: list[NDArray[np.intp]] = []
    for start in range(0, len(order), _AT_ONCE):
        judged = ranked[start : start + _AT_ONCE]
        overlap = probiou(ranked[: start + len(judged)], judged)
        better = np.arange(len(overlap))[:, None] < np.arange(start, start + len(judged))
        gone = ((overlap > np.float32(iou)) & better).any(axis=0)
        kept.append(order[start : start + len(judged)][~gone])
        if sum(map(len, kept)) >= limit:
            break
    return np.concatenate([*kept, np.zeros(0, np.intp)])[:limit]


def probiou(a: Floats, b: Floats) -> NDArray[np.float32]:
    """Similarity (N, M) in [0, 1] of rotated boxes `a` (N, 5) and `b` (M, 5), taken as Gaussian distributions.

    Equations of https://arxiv.org/abs/2106.06072 in the order in which Ultralytics computes them, in float32.
    """
    x1, y1 = a[:, 0:1], a[:, 1:2]
    x2, y2 = b[None, :, 0], b[None, :, 1]
    a1, b1, c1 = (part[:, None] for part in _covariance(a))
    a2, b2, c2 = (part[None] for part in _covariance(b))
    product, square = (a1 + a2) * (b1 + b2), (c1 + c2) ** 2
    t1 = (((a1 + a2) * (y1 - y2) ** 2 + (b1 + b2) * (x1 - x2) ** 2) / (product - square + _EPS)) * np.float32(0.25)
    t2 = (((c1 + c2) * (x2 - x1) * (y1 - y2)) / (product - square + _EPS)) * np.float32(0.5)
    areas = np.maximum(a1 * b1 - c1**2, 0) * np.maximum(a2 * b2 - c2**2, 0)
    with np.errstate(divide="ignore", invalid="ignore"):  # broken boxes give NaN, which is "not more than iou"
        t3 = _rounded(np.log, (product - square) / (4 * np.sqrt(areas) + _EPS) + _EPS) * np.float32(0.5)
    distance = np.clip(t1 + t2 + t3, _EPS, np.float32(100))
    similarity: NDArray[np.float32] = 1 - np.sqrt(1 - _rounded(np.exp, -distance) + _EPS)
    return similarity


def _covariance(boxes: Floats) -> tuple[Floats, Floats, Floats]:
    """The matrices [[a, c], [c, b]] of boxes (N, 5), each entry (N,)."""
    width, height = (boxes[:, 2:4] ** 2 / 12).T
    cos, sin = _rounded(np.cos, boxes[:, 4]), _rounded(np.sin, boxes[:, 4])
    cos2, sin2 = cos**2, sin**2
    return width * cos2 + height * sin2, width * sin2 + height * cos2, (width - height) * cos * sin


def _rounded(function: np.ufunc, values: Floats) -> NDArray[np.float32]:
    """Computed in double precision: NumPy's and torch's own functions of float32 are both off, by different bits."""
    result: NDArray[np.float32] = function(values.astype(np.float64)).astype(np.float32)
    return result
