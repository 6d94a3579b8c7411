"""The second level: the detections of two models at the operating point, as sets, and how far pairs are apart.

Rounding may reorder rows whose scores are almost equal, and may move a score across the threshold: neither is a
disagreement. Lengths are px of the network input, so that they mean the same for any image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.edge.pairing import distances, mask_loss, paired, unpaired
from yolo_tl.exporting.gate.tensors import largest


@dataclass(frozen=True)
class Matched:
    """How the detections of two models agree, over the images seen so far.

    Attributes:
        detections: of the first.
        unmatched: detections that only one of the two has, clearly above the threshold of their class.
        box: largest difference of a corner, px; of an oriented box that of its turned corners.
        score: largest difference of a confidence, or of the visibility of a keypoint; to classify, of a probability.
        keypoint: largest difference of a keypoint, px; None without keypoints.
        angle: largest difference of an angle, radians; None without angles.
        mask: largest loss of overlap, 1 - IoU, where one pixel may be rounding; None without masks.
        differing: images with unmatched detections.
    """

    detections: int = 0
    unmatched: int = 0
    box: float = 0.0
    score: float = 0.0
    keypoint: float | None = None
    angle: float | None = None
    mask: float | None = None
    differing: tuple[str, ...] = ()

    def __or__(self, other: Matched) -> Matched:
        """Of the images of both."""
        return Matched(
            self.detections + other.detections,
            self.unmatched + other.unmatched,
            max(self.box, other.box),
            max(self.score, other.score),
            _larger(self.keypoint, other.keypoint),
            _larger(self.angle, other.angle),
            _larger(self.mask, other.mask),
            self.differing + other.differing,
        )


def matched(
    a: Detections, b: Detections, *, limits: NDArray[np.float64], certain: float, gain: float, image: str
) -> Matched:
    """The detections of one image.

    Args:
        a: of the first model, above the threshold of their class.
        b: of the second.
        limits: (classes,) those thresholds.
        certain: by how much a score must be above it to count as unmatched.
        gain: px of the network input for each px of the image.
        image: its name.
    """
    pairs = paired(a, b)
    first, second = a[pairs[:, 0]], b[pairs[:, 1]]
    missed = sum(
        int((left.confidence > limits[left.class_id] + certain).sum())
        for left in (a[unpaired(len(a), pairs[:, 0])], b[unpaired(len(b), pairs[:, 1])])
    )
    score = largest(first.confidence - second.confidence)
    keypoint = angle = None
    if first.keypoints is not None and second.keypoints is not None:
        keypoint = largest(first.keypoints[..., :2] - second.keypoints[..., :2]) * gain
        score = max(score, largest(first.keypoints[..., 2:] - second.keypoints[..., 2:]))
    if first.angle is not None and second.angle is not None:
        apart = np.abs(first.angle - second.angle) % np.pi
        angle = float(np.minimum(apart, np.pi - apart).max(initial=0.0))
    return Matched(
        detections=len(a),
        unmatched=missed,
        box=float(np.diagonal(distances(first, second)).max(initial=0.0)) * gain,
        score=score,
        keypoint=keypoint,
        angle=angle,
        mask=mask_loss(first, second),
        differing=(image,) if missed else (),
    )


def _larger(a: float | None, b: float | None) -> float | None:
    known = [value for value in (a, b) if value is not None]
    return max(known) if known else None
