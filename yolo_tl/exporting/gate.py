"""The gate: does the exported model say what its checkpoint says, on real images?

Both get the same tensors, so that what differs is the model and not its preparation. Output
tensors are compared as they are, detections as sets: rounding may reorder rows whose scores
are almost equal, and may move a score across the threshold; neither is a disagreement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats
from yolo_tl.config import ExportConfig
from yolo_tl.edge.decode import Thresholds, decode
from yolo_tl.edge.image import read_image
from yolo_tl.edge.letterbox import letterbox, to_tensor
from yolo_tl.edge.network import Head
from yolo_tl.errors import ExportError

SAME_ROW = 1.0  # px; rows of an NMS-free head that lie further apart come from different anchors

Forward = Callable[[NDArray[np.float32]], Floats]


@dataclass(frozen=True)
class Parity:
    """How an exported model compares with its checkpoint.

    Attributes:
        images: number of images compared.
        detections: detections of the checkpoint at the operating confidence.
        unmatched: detections that only one of the two has.
        box: largest difference of a matched box side, px of the network input.
        score: largest difference of a matched confidence.
        missing_rows: output rows of an NMS-free head, of any confidence, that only one of the two has.
        tensor_box: largest difference over all output boxes, px; 0 with NMS inside the graph.
        tensor_score: largest difference over all output scores; 0 with NMS inside the graph.
        differing: images with unmatched detections.
        tolerance_box: the limit for boxes, px.
        tolerance_score: the limit for scores.
    """

    images: int
    detections: int
    unmatched: int
    missing_rows: int
    box: float
    score: float
    tensor_box: float
    tensor_score: float
    differing: tuple[str, ...]
    tolerance_box: float
    tolerance_score: float

    @property
    def passed(self) -> bool:
        """Whether everything lies within its limit."""
        boxes, scores = max(self.box, self.tensor_box), max(self.score, self.tensor_score)
        same = self.unmatched == 0 and self.missing_rows == 0
        return same and boxes <= self.tolerance_box and scores <= self.tolerance_score

    def describe(self) -> str:
        """One sentence for people."""
        verdict = "agrees" if self.passed else "DISAGREES"
        box, score = max(self.box, self.tensor_box), max(self.score, self.tensor_score)
        text = (
            f"the export {verdict} with its checkpoint on {self.images} images: {self.detections} detections, "
            f"{self.unmatched} unmatched, {self.missing_rows} rows missing, "
            f"boxes within {box:.2g} px (limit {self.tolerance_box:g}), "
            f"scores within {score:.2g} (limit {self.tolerance_score:g})"
        )
        return f"{text}; differing: {', '.join(self.differing[:5])}" if self.differing else text

    def to_json(self) -> dict[str, Any]:
        """Plain values with ``passed``."""
        return {"passed": self.passed, **asdict(self), "differing": list(self.differing)}


def compare(
    images: Sequence[Path], *, reference: Forward, exported: Forward, head: Head, imgsz: int, config: ExportConfig
) -> Parity:
    """Run both models on the same letterboxed images.

    Args:
        images: image files.
        reference: forward pass of the checkpoint, (1, 3, H, W) → its output; for the head ``nms`` its raw head.
        exported: forward pass of the exported model on the same tensor.
        head: what the exported model ends with.
        imgsz: side of the square input, px.
        config: thresholds and tolerances.

    Raises:
        ExportError: NMS inside the graph lets nothing through on any image, so there is nothing to compare.
    """
    thresholds = Thresholds(config.confidence, config.iou, config.max_det)
    detections = unmatched = missing = 0
    box = score = tensor_box = tensor_score = 0.0
    differing = []
    for path in images:
        tensor = to_tensor([letterbox(read_image(path), (imgsz, imgsz))])
        a, b = reference(tensor)[0], exported(tensor)[0]
        reference_head: Head = "raw" if head == "nms" else head
        if head == "raw":
            tensor_box = max(tensor_box, _largest(a[:4] - b[:4]))
            tensor_score = max(tensor_score, _largest(a[4:] - b[4:]))
        elif head == "nms-free":
            pairs = match(a, b, reach=SAME_ROW)
            tensor_box = max(tensor_box, _largest(a[pairs[:, 0], :4] - b[pairs[:, 1], :4]))
            tensor_score = max(tensor_score, _largest(np.sort(a[:, 4]) - np.sort(b[:, 4])))
            missing += sum(_above_the_cut(rows, used) for rows, used in ((a, pairs[:, 0]), (b, pairs[:, 1])))
        first = decode(a, head=reference_head, thresholds=thresholds)
        second = decode(b, head=head, thresholds=thresholds)
        pairs = match(first, second)
        left_over = _left_over(first, pairs[:, 0]), _left_over(second, pairs[:, 1])
        certain = config.confidence + config.tolerance_score  # below it, rounding alone may decide
        missed = sum(int((rows[:, 4] > certain).sum()) for rows in left_over)
        detections, unmatched = detections + len(first), unmatched + missed
        box = max(box, _largest(first[pairs[:, 0], :4] - second[pairs[:, 1], :4]))
        score = max(score, _largest(first[pairs[:, 0], 4] - second[pairs[:, 1], 4]))
        if missed:
            differing.append(path.name)
    if head == "nms" and not detections:
        raise ExportError(
            f"no detection above {config.confidence} on {len(images)} images: there is nothing to compare",
            hint="lower --confidence, or export head raw, whose whole output is compared",
        )
    return Parity(
        images=len(images),
        detections=detections,
        unmatched=unmatched,
        missing_rows=missing,
        box=box,
        score=score,
        tensor_box=tensor_box,
        tensor_score=tensor_score,
        differing=tuple(differing),
        tolerance_box=config.tolerance_box,
        tolerance_score=config.tolerance_score,
    )


def match(a: Floats, b: Floats, *, reach: float | None = None) -> NDArray[np.intp]:
    """Pairs (P, 2) of rows of `a` (N, 6) and `b` (M, 6) of one class, nearest corners first.

    Args:
        a: x1, y1, x2, y2, score, class.
        b: the same.
        reach: largest difference of a corner, px; by default half the shorter side of the box in `a`.

    >>> rows = np.array([[0, 0, 9, 9, 0.9, 1], [50, 0, 59, 9, 0.8, 0]], np.float32)
    >>> match(rows, rows[::-1]).tolist()
    [[0, 1], [1, 0]]
    """
    distance = np.abs(a[:, None, :4] - b[None, :, :4]).max(2)
    half = np.maximum((a[:, 2:4] - a[:, :2]).min(1, initial=np.inf) / 2, 1.0)
    limit = half[:, None] if reach is None else reach
    distance[(a[:, None, 5] != b[None, :, 5]) | (distance > limit)] = np.inf
    pairs, free_a, free_b = [], set(range(len(a))), set(range(len(b)))
    for flat in np.argsort(distance, axis=None, kind="stable"):
        i, j = np.unravel_index(flat, distance.shape)
        if not np.isfinite(distance[i, j]):
            break
        if i in free_a and j in free_b:
            pairs.append((i, j))
            free_a.remove(i)
            free_b.remove(j)
    return np.array(sorted(pairs), dtype=np.intp).reshape(-1, 2)


def _above_the_cut(rows: Floats, matched: NDArray[np.intp]) -> int:
    """Unmatched rows whose score is clearly above the smallest kept; at the cut, rounding decides who is in."""
    left = _left_over(rows, matched)[:, 4]
    return int((left > rows[:, 4].min(initial=np.inf) * 1.001 + 1e-6).sum())


def _left_over(rows: Floats, matched: NDArray[np.intp]) -> Floats:
    left: Floats = np.delete(rows, matched, axis=0)
    return left


def _largest(difference: Floats) -> float:
    return float(np.abs(difference).max(initial=0.0))
