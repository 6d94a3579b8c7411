"""Non-maximum suppression, equal to torchvision's bit by bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats


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
    order = np.argsort(-scores, kind="stable")
    x1, y1, x2, y2 = boxes[order].T.copy()
    areas = (x2 - x1) * (y2 - y1)
    # Compared in double precision, as torchvision does: 0.7 is not a float32.
    threshold = np.float64(iou)
    rest = np.arange(len(order))
    kept: list[np.intp] = []
    with np.errstate(divide="ignore", invalid="ignore"):  # 0/0 of empty boxes is "not more than iou"
        while len(rest) and len(kept) < limit:
            best, rest = rest[0], rest[1:]
            kept.append(best)
            width = (np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest])).clip(0)
            height = (np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest])).clip(0)
            intersection = width * height
            overlap = intersection / (areas[best] + areas[rest] - intersection)
            rest = rest[~(overlap.astype(np.float64) > threshold)]
    return order[np.array(kept, np.intp)]
