"""What the gate found on its four levels, and which limits that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

import numpy as np

from yolo_tl.config import GateLimits, to_mapping
from yolo_tl.edge.decode import Thresholds
from yolo_tl.errors import ParityError
from yolo_tl.exporting.gate.flips import Flip, Margins, Share
from yolo_tl.exporting.gate.matching import Matched
from yolo_tl.exporting.gate.scores import Scores
from yolo_tl.exporting.gate.stages import Stage
from yolo_tl.exporting.gate.tensors import Tensors

MASK_LOSS = 0.02
"""Overlap that a matched mask may lose (1 - IoU), where boxes are judged."""

_LISTED = 5  # images in a sentence


@dataclass(frozen=True)
class Failure:
    """A limit that is broken.

    Attributes:
        limit: its name in `GateLimits`; or ``missing_rows`` or ``unmatched``, which no limit allows, or ``mask``.
        found: what was found.
        allowed: what is allowed.
    """

    limit: str
    found: float
    allowed: float

    def describe(self) -> str:
        """In a few words for people."""
        found = f"{self.found:.0f}" if self.limit in ("missing_rows", "unmatched") else f"{self.found:.3g}"
        return f"{_MEANING[self.limit]} {found} (limit {self.allowed:g})"


_MEANING = {
    "tensor_box": "largest difference of an output box, px:",
    "tensor_score": "largest difference of an output score:",
    "missing_rows": "output rows that only one of the two has:",
    "box": "largest difference of a matched box, px:",
    "score": "largest difference of a matched score:",
    "unmatched": "detections that only one of the two has:",
    "mask": "largest loss of overlap of a matched mask:",
    "flips": "share of images that flip:",
    "map_loss": "loss of mAP50-95 or accuracy:",
}


@dataclass(frozen=True)
class GateResult:
    """How one artifact compares with another that is the reference.

    Attributes:
        a: name of the reference, for people.
        b: name of the other.
        task: of both.
        images: how many were compared.
        names: class names of both.
        thresholds: the operating point; classes numbered by `names`.
        limits: what is allowed.
        tensors: level 1.
        matched: level 2.
        flips: level 3: images that flip beyond rounding, most changes first.
        share: their share, with its interval.
        at_threshold: further images whose counts differ, as rounding alone explains.
        verdicts: units that one of the two rejects and the other does not; None without a rule.
        margins: score minus threshold, of both; to classify, the most probable class minus the next.
        scores: level 4.
        stages: which stage makes the difference; empty where every limit holds.
        notes: what should be known beside the figures.
    """

    a: str
    b: str
    task: str
    images: int
    names: tuple[str, ...]
    thresholds: Thresholds
    limits: GateLimits
    tensors: Tensors
    matched: Matched
    flips: tuple[Flip, ...]
    share: Share
    at_threshold: int
    verdicts: Share | None
    margins: Margins
    scores: Scores
    stages: tuple[Stage, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The limits that are broken, in the order of the levels."""
        return tuple(
            # A difference that is NaN is not within any limit.
            Failure(name, found, allowed)
            for name, found, allowed in self.judged()
            if allowed is not None and not found <= allowed
        )

    @property
    def passed(self) -> bool:
        """Whether every limit holds."""
        return not self.failures

    @property
    def culprits(self) -> tuple[str, ...]:
        """The stages that make the difference."""
        return tuple(stage.stage for stage in self.stages if stage.differs)

    def judged(self) -> Iterator[tuple[str, float, float | None]]:
        """Name, what was found and what is allowed (None: not judged) of everything that could be measured."""
        limits, boxes = self.limits, self.task != "classify"
        if not self.tensors.reason:
            if boxes:
                yield "tensor_box", self.tensors.box, limits.tensor_box
            yield "tensor_score", float(np.maximum(self.tensors.score, self.tensors.masks)), limits.tensor_score
            if boxes:
                none = None if limits.tensor_box is None and limits.tensor_score is None else 0.0
                yield "missing_rows", float(self.tensors.missing_rows), none
        if boxes:
            yield "box", max(self.matched.box, self.matched.keypoint or 0.0), limits.box
        yield "score", self.matched.score, limits.score
        if boxes:  # where scores may differ by anything, any detection may be on one side only
            yield "unmatched", float(self.matched.unmatched), None if limits.score is None else 0.0
        if self.matched.mask is not None:
            yield "mask", self.matched.mask, None if limits.box is None else MASK_LOSS
        yield "flips", self.share.rate, limits.flips
        if self.scores.loss is not None:
            yield "map_loss", self.scores.loss, limits.map_loss

    def with_stages(self, stages: tuple[Stage, ...]) -> GateResult:
        """The same with the stages that make the difference."""
        return replace(self, stages=stages)

    def describe(self) -> str:
        """One sentence for people."""
        agreement = (
            f"{self.images} images, {self.share.flipped} flipped "
            f"(95 % interval of the share {self.share.low:.3f} to {self.share.high:.3f})"
        )
        if self.passed:
            return f"{self.b} agrees with {self.a} on {agreement}"
        text = f"{self.b} DISAGREES with {self.a} on {agreement}: " + "; ".join(f.describe() for f in self.failures)
        if self.stages:
            text += f"; the stage that differs: {', '.join(self.culprits) or 'none on its own'}"
        if self.flips:
            text += f"; flipped: {', '.join(flip.image.name for flip in self.flips[:_LISTED])}"
        return text

    def require_passed(self, hint: str = "") -> None:
        """Nothing, where every limit holds.

        Raises:
            ParityError: one is broken.
        """
        if not self.passed:
            raise ParityError(self.describe(), hint=hint)

    def to_json(self) -> dict[str, Any]:
        """Plain values with ``passed`` and ``failures``; images by their names, what is not a number as None."""
        classes = {self.names[number]: value for number, value in self.thresholds.by_class}
        thresholds: dict[str, Any] = {
            "confidence": self.thresholds.confidence,
            "iou": self.thresholds.iou,
            "max_det": self.thresholds.max_det,
            **({"classes": classes} if classes else {}),
        }
        content = {
            "passed": self.passed,
            "sentence": self.describe(),
            "failures": [asdict(failure) for failure in self.failures],
            "judged": [{"limit": name, "found": found, "allowed": allowed} for name, found, allowed in self.judged()],
            "a": self.a,
            "b": self.b,
            "task": self.task,
            "images": self.images,
            "thresholds": thresholds,
            "limits": to_mapping(self.limits),
            "tensors": asdict(self.tensors),
            "matched": asdict(self.matched),
            "flips": {
                **asdict(self.share),
                "at_threshold": self.at_threshold,
                "images": [flip.to_json() for flip in self.flips],
            },
            "verdicts": None if self.verdicts is None else asdict(self.verdicts),
            "margins": asdict(self.margins),
            "scores": asdict(self.scores),
            "stages": [asdict(stage) for stage in self.stages],
            "notes": list(self.notes),
        }
        plain: dict[str, Any] = _finite(content)
        return plain


def _finite(value: Any) -> Any:
    """The same without NaN and infinity, for which JSON has no words."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
