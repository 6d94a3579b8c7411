"""The detections of one class over all images, best first, and their average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import DataError
from yolo_tl.evaluation.assignment import IOUS
from yolo_tl.evaluation.matching import match
from yolo_tl.evaluation.records import ImageResult

Rule = Literal["ultralytics", "coco"]
_RECALLS = np.linspace(0, 1, 101)
BLOCK = 1 << 18  # array elements handled at once: a few MB, so that they stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Ranking:
    """The N detections of one class, by falling confidence, and the truths of that class.

    Attributes:
        class_id: index into the class names.
        confidence: (N,) falling; equal confidences keep the order of the images.
        true_positive: (N, T), one column for each IoU threshold.
        image: (N,) which image each detection is in.
        truths: (I,) truths of this class in each of the I images.
        ignored: (N, T) detections that count neither as true nor as false; None where each counts.
        rule: how precision is averaged over recall, see `average_precision`.
    """

    class_id: int
    confidence: NDArray[np.float32]
    true_positive: NDArray[np.bool_]
    image: NDArray[np.intp]
    truths: NDArray[np.int64]
    ignored: NDArray[np.bool_] | None = None
    rule: Rule = "ultralytics"

    def average_precision(self, weights: NDArray[np.int32]) -> NDArray[np.float64]:
        """Average precision (B, T), as if image i had been listed ``weights[b, i]`` times.

        Both rules take the envelope of precision at the 101 recalls k / 100. COCO's is their mean, where the
        envelope at k / 100 is that of the first detection with this recall or more. Ultralytics' is the area under
        them by the trapezoid rule, and asks for more than k / 100. So Ultralytics' is at most 0.005 above COCO's
        and at most 0.015 below it: a perfect detector has 1 by COCO's and 0.995 by Ultralytics'.

        Args:
            weights: (B, I) how often each image is counted.

        Returns:
            The average precision at each IoU threshold; NaN where the counted images hold no truth of this class.
        """
        truths = weights @ self.truths
        thresholds = self.true_positive.shape[1]
        result = np.zeros((len(weights), thresholds))
        # Precision rises only at a true positive, so the envelope is known from those alone.
        hits = np.flatnonzero(self.true_positive.any(1))
        if len(hits):
            block = max(1, BLOCK // int(hits[-1] + 1))
            for start in range(0, len(weights), block):
                part = slice(start, start + block)
                result[part] = self._block(weights[part], truths[part], hits)
        result[truths == 0] = np.nan
        return result

    def _block(
        self, weights: NDArray[np.int32], truths: NDArray[np.int64], hits: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        counted = weights[:, self.image[: hits[-1] + 1]]
        listed = counted.cumsum(axis=1, dtype=np.int32)[:, hits]  # (B, H) detections down to each hit
        at_hits = counted[:, hits]
        result = np.zeros((len(weights), self.true_positive.shape[1]))
        wanted = np.maximum(truths, 1).astype(np.int32)[:, None]
        for column in range(result.shape[1]):
            own = np.flatnonzero(self.true_positive[hits, column])
            if not len(own):
                continue
            found = at_hits[:, own].cumsum(axis=1, dtype=np.int32)  # (B, H')
            precision = found / np.maximum(listed[:, own] - self._ignored(counted, hits[own], column), 1)
            envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            result[:, column] = np.einsum("bh,bh->b", envelope, np.diff(self._covered(found, wanted), prepend=0))
        return result

    def _ignored(self, counted: NDArray[np.int32], hits: NDArray[np.intp], column: int) -> NDArray[np.int32] | np.int32:
        """How many of the detections down to each of the `hits` are ignored."""
        if self.ignored is None:
            return np.int32(0)
        ignored = np.flatnonzero(self.ignored[: counted.shape[1], column])
        total = np.zeros((len(counted), len(ignored) + 1), np.int32)
        counted[:, ignored].cumsum(axis=1, out=total[:, 1:])
        return total[:, np.searchsorted(ignored, hits)]

    def _covered(self, found: NDArray[np.int32], truths: NDArray[np.int32]) -> NDArray[np.float64]:
        """The share of the recall axis that `found` of `truths` reach."""
        if self.rule == "coco":
            # As pycocotools compares: in float64, where 7 / 20 is less than its recall point 0.35.
            reached = np.searchsorted(_RECALLS, found / truths, side="right")
            share: NDArray[np.float64] = np.where(found > 0, reached, 0) / 101
            return share
        # Recall points strictly below found / truths; the trapezoid rule gives each 0.01, the first (as the last)
        # half of it.
        points = -(-100 * found // truths)
        return np.maximum(0, points / 100 - 0.005)


def rank(results: Sequence[ImageResult], names: Sequence[str], *, rule: Rule = "ultralytics") -> tuple[Ranking, ...]:
    """Match every image and rank the detections of each class that has a truth.

    Args:
        results: one entry for each image.
        names: class names; a class index points into them.
        rule: whose average precision it is; see `Ranking.average_precision`.

    Raises:
        DataError: a class index is outside `names`.
    """
    require_classes(results, names)
    return ranked(results, names, [match(result) for result in results], rule=rule)


def ranked(
    results: Sequence[ImageResult],
    names: Sequence[str],
    hits: Sequence[NDArray[np.bool_]],
    *,
    ignored: Sequence[NDArray[np.bool_]] | None = None,
    counted: Sequence[NDArray[np.bool_]] | None = None,
    rule: Rule = "ultralytics",
) -> tuple[Ranking, ...]:
    """The rankings of images that are matched already, for each class with a truth that counts.

    Args:
        results: one entry for each image.
        names: class names.
        hits: (N, T) true positives of each image.
        ignored: (N, T) detections of each image that count neither way; those without effect at any threshold are
            left out.
        counted: (M,) truths of each image that count; all by default.
        rule: see `rank`.
    """
    found = [result.detections for result in results]
    confidence = np.concatenate([np.zeros(0, np.float32), *(d.confidence for d in found)])
    order = np.argsort(-confidence, kind="stable")
    if ignored is not None:
        out = np.concatenate([np.zeros((0, len(IOUS)), bool), *ignored])
        order = order[~out[order].all(1)]
        out = out[order]
    detected = np.concatenate([np.zeros(0, np.int64), *(d.class_id for d in found)])[order]
    image = np.repeat(np.arange(len(results)), [len(d) for d in found])[order]
    hit = np.concatenate([np.zeros((0, len(IOUS)), bool), *hits])[order]
    truths = np.zeros((len(results), len(names)), np.int64)
    for i, result in enumerate(results):
        true = result.truth_class if counted is None else result.truth_class[counted[i]]
        truths[i] = np.bincount(true, minlength=len(names))
    rankings = []
    for class_id in np.flatnonzero(truths.sum(0)):
        own = detected == class_id
        rankings.append(
            Ranking(
                int(class_id),
                confidence[order][own],
                hit[own],
                image[own],
                truths[:, class_id].copy(),
                ignored=None if ignored is None else out[own],
                rule=rule,
            )
        )
    return tuple(rankings)


def require_classes(results: Sequence[ImageResult], names: Sequence[str]) -> None:
    """Fail where a class has no name.

    Raises:
        DataError: a class index is outside `names`.
    """
    for result in results:
        for what, classes in (("truth", result.truth_class), ("detection", result.detections.class_id)):
            strange = classes[(classes < 0) | (classes >= len(names))]
            if len(strange):
                raise DataError(
                    f"{result.image}: expected the {what} classes within 0 to {len(names) - 1} "
                    f"({', '.join(names)}), found {strange.min()}",
                    hint="give the class names of the model, and remap labels that use others",
                )
