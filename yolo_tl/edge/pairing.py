"""Which detections of two sets are meant for one object, and how far such pairs are apart. Lengths are px."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections, Floats, area

Pairs = NDArray[np.intp]


def paired(a: Detections, b: Detections) -> Pairs:
    """Pairs (P, 2) of detections of one class, nearest corners first, within half the shorter side of both boxes.

    >>> rows = np.array([[0, 0, 9, 9, 0.9, 1], [50, 0, 59, 9, 0.8, 0]])
    >>> paired(Detections.from_rows(rows), Detections.from_rows(rows[::-1])).tolist()
    [[0, 1], [1, 0]]
    """
    sides = [np.sqrt(np.maximum(area(one.xyxy), 0)) if one.angle is not None else _shorter(one.xyxy) for one in (a, b)]
    reach = np.maximum(np.minimum(sides[0][:, None], sides[1]) / 2, 1.0)
    distance = distances(a, b)
    distance[(a.class_id[:, None] != b.class_id) | (distance > reach)] = np.inf
    return greedy(distance, np.abs(a.confidence[:, None] - b.confidence))


def greedy(distance: Floats, scores: Floats) -> Pairs:
    """Pairs (P, 2) of the smallest distances; of boxes that lie alike those whose scores do.

    Args:
        distance: (N, M), infinite where a pair is no pair.
        scores: (N, M) differences of the scores, which decide between boxes in one place.
    """
    rows, columns = np.nonzero(np.isfinite(distance))
    found, free_a, free_b = [], set(range(len(distance))), set(range(distance.shape[1]))
    for k in np.argsort(distance[rows, columns] + scores[rows, columns], kind="stable"):
        i, j = int(rows[k]), int(columns[k])
        if i in free_a and j in free_b:
            found.append((i, j))
            free_a.remove(i)
            free_b.remove(j)
    return np.array(sorted(found), np.intp).reshape(-1, 2)


def unpaired(count: int, taken: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(count,) which places are not among `taken`."""
    left = np.ones(count, bool)
    left[taken] = False
    return left


def distances(a: Detections, b: Detections) -> NDArray[np.float64]:
    """(N, M) the largest difference of a corner coordinate, px of the image."""
    nearest: NDArray[np.float64]
    if a.angle is None or b.angle is None:
        nearest = np.abs(a.xyxy[:, None].astype(np.float64) - b.xyxy).max(2, initial=0.0)
        return nearest
    # An oriented box may be told from any of its corners on: the same shape at another angle.
    first, second = a.corners.astype(np.float64), b.corners.astype(np.float64)
    shifted = [np.abs(first[:, None] - np.roll(second, turn, axis=1)).max((2, 3), initial=0.0) for turn in range(4)]
    nearest = np.min(shifted, axis=0)
    return nearest


def mask_loss(a: Detections, b: Detections) -> float | None:
    """The largest 1 - IoU of the masks of paired detections, where one pixel may be rounding; None without masks."""
    if a.masks is None or b.masks is None:
        return None
    worst = 0.0
    for one, other in zip(a.masks, b.masks, strict=True):
        union, apart = int((one | other).sum()), int((one ^ other).sum())
        worst = max(worst, max(apart - 1, 0) / max(union, 1))
    return worst


def _shorter(boxes: Floats) -> Floats:
    shorter: Floats = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf)
    return shorter
