"""The first level: how far the outputs of two networks are apart, on one and the same input.

Raw heads are compared element by element. Rows of a head that chooses them (nms-free, nms) are compared as a set,
because rounding reorders rows whose scores are almost equal. What is in px of the input counts as box: corners,
keypoints, and of an angle how far it moves the end of the longer side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats
from yolo_tl.edge.network import NetworkInfo, Outputs
from yolo_tl.edge.pairing import Pairs, greedy

SAME_ROW = 1.0  # px; rows that lie further apart come from different anchors


@dataclass(frozen=True)
class Tensors:
    """Largest differences of the outputs, over the images seen so far.

    Attributes:
        box: of anything that is in px of the network input.
        score: of a score, a probability or the visibility of a keypoint.
        masks: of mask coefficients and prototypes, as a share of the largest of them.
        missing_rows: rows of a head that chooses them, of any confidence, that only one of the two has.
        reason: why the outputs could not be compared; empty where they were.
    """

    box: float = 0.0
    score: float = 0.0
    masks: float = 0.0
    missing_rows: int = 0
    reason: str = ""

    def __or__(self, other: Tensors) -> Tensors:
        """Of the images of both; NaN stays NaN."""
        return Tensors(
            float(np.maximum(self.box, other.box)),
            float(np.maximum(self.score, other.score)),
            float(np.maximum(self.masks, other.masks)),
            self.missing_rows + other.missing_rows,
            self.reason or other.reason,
        )


def tensors(a: Outputs, b: Outputs, infos: tuple[NetworkInfo, NetworkInfo]) -> Tensors:
    """The outputs of two networks for one image, without the batch axis."""
    if reason := unlike(*infos) or _other_shapes(a, b, infos[0]):
        return Tensors(reason=reason)
    info, (first, second) = infos[0], (np.asarray(outputs[0], np.float64) for outputs in (a, b))
    if info.task == "classify":
        return Tensors(score=largest(first - second))
    missing = 0
    if info.head == "raw":
        of_a, of_b = _columns(first.T, info), _columns(second.T, info)
        score = largest(of_a.scores - of_b.scores)
    else:
        first, second = (rows[rows[:, 4] > 0] for rows in (first, second))  # the nms head is padded with zeros
        pairs = pairs_of(first, second)
        missing = _above_the_cut(first, pairs[:, 0]) + _above_the_cut(second, pairs[:, 1])
        of_a, of_b = _columns(first[pairs[:, 0]], info), _columns(second[pairs[:, 1]], info)
        score = largest(of_a.scores - of_b.scores)
    prototypes = [
        (np.asarray(one, np.float64), np.asarray(two, np.float64)) for one, two in zip(a[1:], b[1:], strict=True)
    ]
    return Tensors(
        box=float(np.maximum(largest(of_a.px - of_b.px), _turned(of_a, of_b))),
        score=float(np.maximum(score, largest(of_a.seen - of_b.seen))),
        masks=float(np.max([_relative(*pair) for pair in [(of_a.masks, of_b.masks), *prototypes]], initial=0.0)),
        missing_rows=missing,
    )


def pairs_of(a: Floats, b: Floats, *, reach: float = SAME_ROW) -> Pairs:
    """Pairs (P, 2) of rows x1, y1, x2, y2, score, class of `a` (N, 6 or more) and `b`, at most `reach` px apart.

    >>> rows = np.array([[0, 0, 9, 9, 0.9, 1], [50, 0, 59, 9, 0.8, 0]], np.float32)
    >>> pairs_of(rows, rows[::-1]).tolist()
    [[0, 1], [1, 0]]
    """
    distance = np.abs(a[:, None, :4] - b[None, :, :4]).max(2, initial=0.0)
    distance[(a[:, None, 5] != b[None, :, 5]) | (distance > reach)] = np.inf
    return greedy(distance, np.abs(a[:, None, 4] - b[None, :, 4]))


def unlike(a: NetworkInfo, b: NetworkInfo) -> str:
    """Why the outputs of one cannot be read as those of the other; empty where they can."""
    for what, one, other in (
        ("tasks", a.task, b.task),
        ("heads", a.head, b.head),
        ("numbers of classes", len(a.names), len(b.names)),
        ("keypoints", a.keypoints, b.keypoints),
    ):
        if one != other:
            return f"{what} {one} and {other} are laid out differently"
    return ""


def largest(difference: Floats) -> float:
    """The largest absolute value; 0 of none, NaN if there is one."""
    return float(np.abs(difference).max(initial=0.0))


@dataclass(frozen=True, eq=False)
class _Columns:
    """Rows (N, ...) of a head by what they mean."""

    px: NDArray[np.float64]
    scores: NDArray[np.float64]
    seen: NDArray[np.float64]
    masks: NDArray[np.float64]
    angle: NDArray[np.float64]
    longer: NDArray[np.float64]


def _columns(rows: NDArray[np.float64], info: NetworkInfo) -> _Columns:
    boxes = rows[:, :4]
    end = 4 + len(info.names) if info.head == "raw" else 6
    scores, extra = (rows[:, 4:end] if info.head == "raw" else rows[:, 4:5]), rows[:, end:]
    none = np.zeros((len(rows), 0))
    px, seen, masks, angle = boxes, none, none, none
    if info.task == "pose" and info.keypoints is not None:
        points = extra.reshape(len(rows), *info.keypoints)
        px = np.concatenate([boxes, points[..., :2].reshape(len(rows), -1)], axis=1)
        seen = points[..., 2] if info.keypoints[1] == 3 else none
    elif info.task == "obb":
        angle = extra[:, :1]
    elif info.task == "segment":
        masks = extra
    # Boxes with an angle are centre, width and height in every head.
    return _Columns(px, scores, seen, masks, angle, boxes[:, 2:4].max(1, initial=0.0))


def _turned(a: _Columns, b: _Columns) -> float:
    if not a.angle.size:
        return 0.0
    return largest(np.sin(a.angle[:, 0] - b.angle[:, 0]) * a.longer / 2)


def _relative(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    scale = max(largest(a), largest(b))
    return largest(a - b) / scale if scale else 0.0


def _above_the_cut(rows: Floats, matched: NDArray[np.intp]) -> int:
    """Unmatched rows whose score is clearly above the smallest kept; at the cut, rounding decides who is in."""
    left = np.delete(rows[:, 4], matched)
    return int((left > rows[:, 4].min(initial=np.inf) * 1.001 + 1e-6).sum())


def _other_shapes(a: Outputs, b: Outputs, info: NetworkInfo) -> str:
    def shapes(outputs: Outputs) -> list[tuple[int | None, ...]]:
        first, *rest = (output.shape for output in outputs)
        chosen = info.head != "raw" and info.task != "classify"  # as many rows as there are; the columns must agree
        return [(None, *first[1:]) if chosen else first, *rest]

    return "" if shapes(a) == shapes(b) else f"outputs of shapes {shapes(a)} and {shapes(b)}"
