"""Detection metrics, equal to those of Ultralytics on the same predictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.evaluation.ranking import Ranking, rank
from yolo_tl.evaluation.records import ImageResult

CONFIDENCES = np.linspace(0, 1, 1000)
Curve = NDArray[np.float64]


@dataclass(frozen=True)
class ClassMetrics:
    """The metrics of one class that has at least one truth; shares in [0, 1].

    `precision`, `recall` and `f1` hold at IoU 0.5 and at the confidence of the whole
    evaluation; `images` counts the images that show the class.
    """

    name: str
    images: int
    instances: int
    precision: float
    recall: float
    f1: float
    ap50: float
    ap50_95: float


@dataclass(frozen=True)
class Metrics:
    """Means over the classes that have a truth; all zero where there is none.

    Attributes:
        map50_95: mean average precision over IoU 0.5 to 0.95.
        map50: mean average precision at IoU 0.5.
        precision: at IoU 0.5 and at `confidence`, as are `recall` and `f1`.
        recall: share of the truths that were found.
        f1: mean of the F1 of the classes, not the F1 of the means.
        confidence: operating threshold that makes the mean F1, smoothed, largest. It is
            chosen on the images it is reported on, so the three above are optimistic.
        images: images evaluated, with and without truths.
        instances: truths.
        per_class: one entry for each class with a truth, in the order of the names.
    """

    map50_95: float
    map50: float
    precision: float
    recall: float
    f1: float
    confidence: float
    images: int
    instances: int
    per_class: tuple[ClassMetrics, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and dictionaries; ``per_class`` is keyed by class name."""
        plain = asdict(self)
        plain["per_class"] = {entry.pop("name"): entry for entry in plain["per_class"]}
        return plain


def evaluate(results: Sequence[ImageResult], names: Sequence[str]) -> Metrics:
    """Metrics of `results`, as ``yolo val`` reports them.

    Detections of a class that no image shows are ignored, and that class is left out of
    the means. Differs from Ultralytics only where two detections have the same
    confidence, which it leaves to an unstable sort.

    Args:
        results: one entry for each image.
        names: class names; a class index points into them.

    Raises:
        DataError: a class index is outside `names`.
    """
    rankings = rank(results, names)
    once = np.ones((1, len(results)), np.int32)
    ap = np.array([r.average_precision(once)[0] for r in rankings]).reshape(-1, 10)
    curves = [_curves(r) for r in rankings]
    precision, recall = (np.array([c[i] for c in curves]).reshape(-1, len(CONFIDENCES)) for i in (0, 1))
    f1 = 2 * precision * recall / (precision + recall + 1e-16)
    best = int(_smooth(f1.mean(0)).argmax()) if rankings else 0
    per_class = tuple(
        ClassMetrics(
            name=names[r.class_id],
            images=int((r.truths > 0).sum()),
            instances=int(r.truths.sum()),
            precision=float(precision[i, best]),
            recall=float(recall[i, best]),
            f1=float(f1[i, best]),
            ap50=float(ap[i, 0]),
            ap50_95=float(ap[i].mean()),
        )
        for i, r in enumerate(rankings)
    )
    return Metrics(
        map50_95=_mean(c.ap50_95 for c in per_class),
        map50=_mean(c.ap50 for c in per_class),
        precision=_mean(c.precision for c in per_class),
        recall=_mean(c.recall for c in per_class),
        f1=_mean(c.f1 for c in per_class),
        confidence=float(CONFIDENCES[best]),
        images=len(results),
        instances=sum(c.instances for c in per_class),
        per_class=per_class,
    )


def _curves(ranking: Ranking) -> tuple[Curve, Curve]:
    """Precision and recall (1000,) at IoU 0.5 over the confidence grid."""
    if not len(ranking.confidence):
        return np.zeros(len(CONFIDENCES)), np.zeros(len(CONFIDENCES))
    found = ranking.true_positive[:, 0].cumsum()
    listed = np.arange(1, len(found) + 1)
    # np.interp wants rising abscissae, and confidence falls: negate both.
    precision = np.interp(-CONFIDENCES, -ranking.confidence, found / listed, left=1)
    recall = np.interp(-CONFIDENCES, -ranking.confidence, found / ranking.truths.sum(), left=0)
    return precision, recall


def _smooth(curve: Curve) -> Curve:
    """Box filter over a tenth of the curve, as Ultralytics places the operating threshold."""
    width = round(len(curve) * 0.2) // 2 + 1
    padded = np.pad(curve, width // 2, mode="edge")
    return np.convolve(padded, np.ones(width) / width, mode="valid")


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return float(np.mean(listed)) if listed else 0.0
