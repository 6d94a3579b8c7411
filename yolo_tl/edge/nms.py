"""Non-maximum suppression, equal to torchvision's bit by bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats

_BLOCK = 128  # boxes that are compared with each other at once


def nms(boxes: Floats, scores: Floats, *, iou: float, limit: int) -> NDArray[np.intp]:
    """Positions of the boxes that stay, best first, at most `limit`.

    Boxes go in order of score, equal scores in order of position; each one removes all
    later boxes that overlap it by more than `iou`.

    Args:
        boxes: (N, 4) corners, float32.
        scores: (N,).
        iou: overlap above which the weaker box goes.
        limit: stop after so many.

    >>> boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 3], [9, 9, 12, 12]], np.float32)
    >>> nms(boxes, np.array([0.5, 0.9, 0.1], np.float32), iou=0.5, limit=300).tolist()
    [1, 2]
    """
    rest = np.argsort(-scores, kind="stable")
    kept: list[NDArray[np.intp]] = []
    while len(rest) and limit > 0:
        block, rest = rest[:_BLOCK], rest[_BLOCK:]
        these = boxes[block]
        stay = _greedy(_overlap(these, these, iou), limit)
        kept.append(block[stay])
        limit -= len(stay)
        if len(rest):
            rest = rest[~_overlap(these[stay], boxes[rest], iou).any(axis=0)]
    return np.concatenate(kept) if kept else rest


def _overlap(a: Floats, b: Floats, iou: float) -> NDArray[np.bool_]:
    """Which boxes of `a` (N, 4) overlap which of `b` (M, 4) by more than `iou`."""
    x1, y1, x2, y2 = a.T[..., None]
    left, top, right, bottom = b.T
    width = np.minimum(x2, right) - np.maximum(x1, left)
    height = np.minimum(y2, bottom) - np.maximum(y1, top)
    shared = np.maximum(width, 0, out=width) * np.maximum(height, 0, out=height)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0/0 of empty boxes is "not more than iou"
        overlap = shared / ((x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - shared)
    # Compared in double precision, as torchvision does: 0.7 is not a float32.
    above: NDArray[np.bool_] = overlap > np.array([iou], np.float64)
    return above


def _greedy(removes: NDArray[np.bool_], limit: int) -> list[int]:
    """The first of `limit` boxes that none before them removes, which stay themselves; `removes` is (N, N)."""
    packed = np.packbits(removes, axis=1, bitorder="little")
    stay: list[int] = []
    gone = 0
    for number, row in enumerate(packed):
        if not gone >> number & 1:
            stay.append(number)
            if len(stay) == limit:
                break
            gone |= int.from_bytes(row.tobytes(), "little")
    return stay
