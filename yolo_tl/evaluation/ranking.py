"""The detections of one class over all images, best first, and their average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import DataError
from yolo_tl.evaluation.matching import IOUS, match
from yolo_tl.evaluation.records import ImageResult

BLOCK = 1 << 19  # array elements handled at once: a few MB, so that they stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Ranking:
    """The N detections of one class, by falling confidence, and the truths of that class.

    Attributes:
        class_id: index into the class names.
        confidence: (N,) falling; equal confidences keep the order of the images.
        true_positive: (N, 10), one column for each IoU threshold.
        image: (N,) which image each detection is in.
        truths: (I,) truths of this class in each of the I images.
    """

    class_id: int
    confidence: NDArray[np.float32]
    true_positive: NDArray[np.bool_]
    image: NDArray[np.intp]
    truths: NDArray[np.int64]

    def average_precision(self, weights: NDArray[np.int32]) -> NDArray[np.float64]:
        """Average precision (B, 10), as if image i had been listed ``weights[b, i]`` times.

        Args:
            weights: (B, I) how often each image is counted.

        Returns:
            The 101-point average precision at each IoU threshold; NaN where the
            counted images hold no truth of this class.
        """
        truths = weights @ self.truths
        result = np.zeros((len(weights), len(IOUS)))
        # Precision rises only at a true positive, so the envelope is known from those alone.
        hits = np.flatnonzero(self.true_positive.any(1))
        if len(hits):
            block = max(1, BLOCK // max(len(IOUS) * len(hits), int(hits[-1])))
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
        hit_counted = counted[:, None, hits] * self.true_positive[hits].T  # (B, 10, H)
        found = hit_counted.cumsum(axis=2, dtype=np.int32)
        precision = found / np.maximum(listed, 1)[:, None]
        envelope = np.maximum.accumulate(precision[..., ::-1], axis=2)[..., ::-1]
        # COCO's 101 recall points k / 100, of which those strictly below found / truths are
        # covered; the trapezoid rule gives each 0.01, and the first (as the last) half of it.
        points = -(-100 * found // np.maximum(truths, 1).astype(np.int32)[:, None, None])
        covered = np.maximum(0, points / 100 - 0.005)
        area: NDArray[np.float64] = np.einsum("bth,bth->bt", envelope, np.diff(covered, axis=2, prepend=0))
        return area


def rank(results: Sequence[ImageResult], names: Sequence[str]) -> tuple[Ranking, ...]:
    """Match every image and rank the detections of each class that has a truth.

    Raises:
        DataError: a class index is outside `names`.
    """
    for result in results:
        for what, classes in (("truth", result.truth_class), ("detection", result.detections.class_id)):
            strange = np.setdiff1d(classes, np.arange(len(names)))
            if len(strange):
                raise DataError(
                    f"{result.image}: expected the {what} classes within 0 to {len(names) - 1} "
                    f"({', '.join(names)}), found {strange[0]}",
                    hint="give the class names of the model, and remap labels that use others",
                )
    found = [r.detections for r in results]
    confidence = np.concatenate([np.zeros(0, np.float32), *(d.confidence for d in found)])
    order = np.argsort(-confidence, kind="stable")
    detected = np.concatenate([np.zeros(0, np.int64), *(d.class_id for d in found)])[order]
    image = np.repeat(np.arange(len(results)), [len(d) for d in found])[order]
    hit = np.concatenate([np.zeros((0, len(IOUS)), bool), *(match(r) for r in results)])[order]
    truths = np.zeros((len(results), len(names)), np.int64)
    for row, result in zip(truths, results, strict=True):
        row += np.bincount(result.truth_class, minlength=len(names))
    rankings = []
    for class_id in np.flatnonzero(truths.sum(0)):
        own = detected == class_id
        rankings.append(
            Ranking(int(class_id), confidence[order][own], hit[own], image[own], truths[:, class_id].copy())
        )
    return tuple(rankings)
