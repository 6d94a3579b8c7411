"""Which images go into a golden set: few that together show every class, a close decision, and nothing at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.edge.classification import Classification
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.network import NetworkInfo, Outputs
from yolo_tl.edge.postprocess import postprocess
from yolo_tl.edge.preprocess import Geometry

_WINDOW = 0.2  # of scores around a threshold in which a decision is looked at
_IOU = 0.01  # by which the overlap is moved to see whether a decision hangs on it


@dataclass(frozen=True)
class Traits:
    """What makes an image worth choosing.

    Attributes:
        classes: numbers of the classes found in it.
        detections: number of objects found in it.
        margin: how near the nearest score is to its threshold; to classify, the lead of the best class.
        steady: rounding cannot change what is found.
    """

    classes: frozenset[int]
    detections: int
    margin: float
    steady: bool


def traits(outputs: Outputs, geometry: Geometry, info: NetworkInfo, *, thresholds: Thresholds, nudge: float) -> Traits:
    """What an image is like, by the outputs for it.

    Args:
        outputs: of the network, without the batch axis.
        geometry: where the image lies in the input.
        info: the network.
        thresholds: the operating point.
        nudge: how far a score may be off for rounding.
    """
    # Masks take most of the time and decide nothing here.
    boxes = replace(info, task="detect") if info.task == "segment" else info
    here = postprocess(outputs, geometry, boxes, thresholds=thresholds)
    if isinstance(here, Classification):
        first = here.top5
        lead = float(here.probabilities[first[0]] - here.probabilities[first[1]]) if len(first) > 1 else 1.0
        return Traits(frozenset(first[:1]), 1, lead, lead > 2 * nudge)

    def found(score: float, iou: float) -> Detections:
        result = postprocess(outputs, geometry, boxes, thresholds=_moved(thresholds, score, iou))
        assert isinstance(result, Detections), "one network has one task"
        return result

    around = [found(score, iou) for score in (-nudge, nudge) for iou in (-_IOU, _IOU)]
    near = found(-_WINDOW, 0.0)
    own = dict(thresholds.by_class)
    limits = np.array([own.get(int(number), thresholds.confidence) for number in near.class_id])
    return Traits(
        classes=frozenset(here.class_id.tolist()),
        detections=len(here),
        margin=float(np.abs(near.confidence - limits).min(initial=1.0)),
        # At the limit, rounding decides which of two equal scores is kept.
        steady=len(here) < thresholds.max_det and all(len(other) == len(here) for other in around),
    )


def choose(candidates: Sequence[Traits], count: int) -> list[int]:
    """Positions of at most `count` images, in order.

    Images on which rounding may change what is found are left out while there are others. First come those that show
    the most classes not shown yet, then the one whose decision is closest, then one with nothing in it, and then
    closer decisions before clearer ones.
    """
    left = [i for i, one in enumerate(candidates) if one.steady] or list(range(len(candidates)))
    chosen: list[int] = []

    def take(number: int | None) -> None:
        if number is not None and len(chosen) < count:
            chosen.append(number)
            left.remove(number)

    shown: frozenset[int] = frozenset()
    while len(chosen) < count:
        best = max(left, key=lambda i: (len(candidates[i].classes - shown), candidates[i].detections), default=None)
        if best is None or candidates[best].classes <= shown:
            break
        shown |= candidates[best].classes
        take(best)
    take(min(left, key=lambda i: candidates[i].margin, default=None))
    take(next((i for i in left if not candidates[i].detections), None))
    for number in sorted(left, key=lambda i: candidates[i].margin):
        take(number)
    return sorted(chosen)


def _moved(thresholds: Thresholds, score: float, iou: float) -> Thresholds:
    def clipped(value: float) -> float:
        return float(np.clip(value, 0.0, 1.0))

    return replace(
        thresholds,
        confidence=clipped(thresholds.confidence + score),
        iou=clipped(thresholds.iou + iou),
        by_class=tuple((number, clipped(value + score)) for number, value in thresholds.by_class),
    )
