"""What the weights can do before training: the score of the classes they know, and how training changed it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from yolo_tl.data.dataset import Dataset
from yolo_tl.engine.validation import validate
from yolo_tl.evaluation import ImageResult, Interval, evaluate, paired_difference
from yolo_tl.transfer.classes import ClassMatch

SILENT = -100.0  # logit of a class that is never predicted: its confidence is below the least that is kept


@dataclass(frozen=True, eq=False)
class Baseline:
    """Scores of the start network on val, over the classes that it knows and val shows.

    Attributes:
        classes: indices of these classes.
        names: all class names of the data set.
        map50_95: their mean average precision.
        ap50_95: class name → average precision.
        results: predictions and truths of these classes, one entry an image.
    """

    classes: tuple[int, ...]
    names: tuple[str, ...]
    map50_95: float
    ap50_95: dict[str, float]
    results: list[ImageResult]

    @classmethod
    def of(cls, results: Sequence[ImageResult], names: Sequence[str], classes: Sequence[int]) -> Baseline:
        """Score `results` over `classes`; what concerns other classes is discarded."""
        kept = _restricted(results, classes)
        metrics = evaluate(kept, names)
        ap50_95 = {entry.name: entry.ap50_95 for entry in metrics.per_class}
        return cls(tuple(classes), tuple(names), metrics.map50_95, ap50_95, kept)


@dataclass(frozen=True)
class Change:
    """The score of the known classes before and after training, on the same images.

    Attributes:
        before, after: mean average precision (IoU 0.5 to 0.95) over the known classes.
        interval: of the difference after - before, 95 %, over images; None with a single image.
        ap50_95: class name → average precision before and after.
    """

    before: float
    after: float
    interval: Interval | None
    ap50_95: dict[str, tuple[float, float]]

    @property
    def difference(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def worse(self) -> bool:
        """Whether the run ended below where it began, by however little."""
        return self.difference < 0

    def describe(self) -> str:
        """One line for people."""
        interval = "" if self.interval is None else f" [{self.interval.low:+.3f}, {self.interval.high:+.3f}]"
        shown = list(self.ap50_95)
        names = ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")
        return (
            f"known classes ({names}): mAP50-95 {self.before:.3f} before → {self.after:.3f} after "
            f"({self.difference:+.3f}{interval})" + ("; the run ended worse than it began" if self.worse else "")
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``ci95`` is the interval of ``difference``."""
        return {
            "before": self.before,
            "after": self.after,
            "difference": self.difference,
            "ci95": None if self.interval is None else [self.interval.low, self.interval.high],
            "worse": self.worse,
            "per_class": {name: {"before": b, "after": a} for name, (b, a) in self.ap50_95.items()},
        }


def baseline(
    module: Any, match: ClassMatch, dataset: Dataset, *, imgsz: int, batch: int, device: str, head: str
) -> Baseline | None:
    """Score the network a run starts from on val, by the protocol of `validate`.

    The rows of unknown classes are random, and could crowd the known ones out of the limited number of
    detections. In a copy of the network they are silenced, which leaves the predictions of the others as they are.

    Args:
        module: the start network, with the classes of the data set; it is not changed.
        match: which of them it knows.
        dataset: the data set.
        imgsz: side of the square input, px.
        batch: images per forward pass.
        device: ``cpu`` or a CUDA index.
        head: ``one-to-many`` (with NMS) or ``nms-free``.

    Returns:
        None where val shows no known class.

    Raises:
        DataError: the classes differ, or an image cannot be used.
    """
    instances = dataset.split("val").instances
    classes = [index for index in sorted(match.known) if instances[index]]
    if not classes:
        return None
    results = validate(
        _silenced(module, match.unknown),
        dataset=dataset,
        split="val",
        imgsz=imgsz,
        batch=batch,
        device=device,
        head=head,
    )
    return Baseline.of(results, dataset.names, classes)


def compare(before: Baseline, after: Sequence[ImageResult]) -> Change:
    """How training changed the score of the known classes.

    Args:
        before: of the start network.
        after: predictions and truths of the trained network on the same images, of all classes.

    Raises:
        DataError: the images or their truths differ.
    """
    trained = Baseline.of(after, before.names, before.classes)
    interval = None
    if len(after) > 1:
        found = paired_difference(trained.results, before.results, before.names).map50_95
        interval = Interval(found.low, found.high)
    pairs = {name: (value, trained.ap50_95[name]) for name, value in before.ap50_95.items()}
    return Change(before.map50_95, trained.map50_95, interval, pairs)


def _restricted(results: Sequence[ImageResult], classes: Sequence[int]) -> list[ImageResult]:
    kept = []
    for result in results:
        found, true = np.isin(result.detections.class_id, classes), np.isin(result.truth_class, classes)
        kept.append(
            replace(
                result,
                detections=result.detections[found],
                truth_xyxy=result.truth_xyxy[true],
                truth_class=result.truth_class[true],
            )
        )
    return kept


def _silenced(module: Any, classes: Sequence[int]) -> Any:
    """A copy of a network that never predicts `classes`; itself if there are none."""
    if not classes:
        return module
    module, rows = deepcopy(module), list(classes)
    detect = module.model[-1]
    for branches in (detect.cv3, getattr(detect, "one2one_cv3", None) or ()):
        for level in branches:
            level[-1].weight.data[rows] = 0
            level[-1].bias.data[rows] = SILENT
    return module
