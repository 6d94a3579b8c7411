"""What a network is expected to find in one image, as JSON, and how far something found is from it.

Detections are compared as sets: rounding may reorder those whose scores are almost equal, and may move a score
across its threshold; neither is a disagreement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections, Floats, run_lengths
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.pairing import distances, mask_loss, paired, unpaired

_PX, _SCORE = 3, 6  # digits


@dataclass(frozen=True)
class Tolerance:
    """How far a device may be from where the expectation was written.

    Attributes:
        box: of a corner or keypoint, px of the network input.
        score: of a score, a probability or the visibility of a keypoint.
        mask: largest loss of overlap of two masks, 1 - IoU.
    """

    box: float
    score: float
    mask: float


@dataclass(frozen=True)
class Deviation:
    """How far what was found is from what was expected.

    Attributes:
        unmatched: detections that only one of the two has, and that rounding does not explain.
        box: largest difference of a corner or keypoint, px of the network input.
        score: largest difference of a score.
        mask: largest loss of overlap of two masks, 1 - IoU.
    """

    unmatched: int = 0
    box: float = 0.0
    score: float = 0.0
    mask: float = 0.0

    def __or__(self, other: Deviation) -> Deviation:
        """Of both images; NaN stays NaN."""
        return Deviation(
            self.unmatched + other.unmatched,
            float(np.maximum(self.box, other.box)),
            float(np.maximum(self.score, other.score)),
            float(np.maximum(self.mask, other.mask)),
        )

    def within(self, tolerance: Tolerance) -> bool:
        """Whether it is small enough; what is not a number is not."""
        same = self.box <= tolerance.box and self.score <= tolerance.score and self.mask <= tolerance.mask
        return self.unmatched == 0 and same


def to_json(found: Detections) -> dict[str, Any]:
    """Detections as plain values, in px of the image; masks as run lengths."""
    content: dict[str, Any] = {
        "boxes": _rounded(found.xyxy, _PX),
        "scores": _rounded(found.confidence, _SCORE),
        "classes": found.class_id.tolist(),
    }
    if found.angle is not None:
        content["angles"] = _rounded(found.angle, _SCORE)
    if found.keypoints is not None:
        content["keypoints"] = _rounded(found.keypoints, _SCORE)  # the last of a point may be its visibility
    if found.masks is not None:
        content["masks"] = [run_lengths(mask) for mask in found.masks]
    return content


def from_json(content: Mapping[str, Any], *, height: int, width: int) -> Detections:
    """The detections that `to_json` wrote of an image of this size.

    Raises:
        KeyError, TypeError, ValueError: it wrote something else.
    """
    return Detections(
        xyxy=np.array(content["boxes"], np.float32).reshape(-1, 4),
        confidence=np.array(content["scores"], np.float32),
        class_id=np.array(content["classes"], np.int64),
        masks=(
            np.array([from_run_lengths(runs, height, width) for runs in content["masks"]], bool).reshape(
                -1, height, width
            )
            if "masks" in content
            else None
        ),
        keypoints=_points(content["keypoints"]) if "keypoints" in content else None,
        angle=np.array(content["angles"], np.float32) if "angles" in content else None,
    )


def compare(
    expected: Detections,
    found: Detections,
    *,
    thresholds: tuple[Thresholds, Thresholds],
    tolerance: Tolerance,
    gain: float,
) -> Deviation:
    """How far what was found in an image is from what was expected.

    Args:
        expected: in px of the image.
        found: the same.
        thresholds: that each was read with; a score that is nearer to its own than the tolerance may be lost.
        tolerance: see above.
        gain: px of the network input per px of the image.
    """
    pairs = paired(expected, found)
    unmatched = sum(
        _certain(side[unpaired(len(side), matched)], own, tolerance.score)
        for side, matched, own in zip((expected, found), pairs.T, thresholds, strict=True)
    )
    a, b = expected[pairs[:, 0]], found[pairs[:, 1]]
    score = _largest(a.confidence - b.confidence)
    box = _largest(np.diagonal(distances(a, b)))
    if len(pairs) and a.keypoints is not None and b.keypoints is not None:
        difference = a.keypoints - b.keypoints
        box = float(np.maximum(box, _largest(difference[..., :2])))
        score = float(np.maximum(score, _largest(difference[..., 2:])))
    return Deviation(unmatched, box * gain, score, mask_loss(a, b) or 0.0)


def from_run_lengths(lengths: list[int], height: int, width: int) -> NDArray[np.bool_]:
    """The mask (H, W) that `yolo_tl.boxes.run_lengths` wrote.

    Raises:
        ValueError: the lengths are of another size.
    """
    counts = np.array(lengths, np.int64)
    if counts.ndim != 1 or (counts < 0).any() or counts.sum() != height * width:
        raise ValueError(f"expected run lengths of {height * width} px, found {counts.sum()}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(height, width, order="F")


def _points(values: Any) -> NDArray[np.float32]:
    points = np.array(values, np.float32)
    if not len(points):
        return np.zeros((0, 0, 3), np.float32)
    if points.ndim != 3:
        raise ValueError(f"expected keypoints (N, K, 2 or 3), found {points.shape}")
    return points


def _certain(left: Detections, thresholds: Thresholds, tolerance: float) -> int:
    """How many of these detections are so far above their threshold that rounding cannot lose them."""
    own = dict(thresholds.by_class)
    limits = np.array([own.get(int(number), thresholds.confidence) for number in left.class_id], np.float64)
    return int((left.confidence > limits + tolerance).sum())


def _rounded(values: Floats, digits: int) -> Any:
    return np.asarray(values, np.float64).round(digits).tolist()


def _largest(difference: Floats) -> float:
    return float(np.abs(difference).max(initial=0.0))
