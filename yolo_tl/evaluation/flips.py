"""Images of which two models say different things, once each has its threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import DataError
from yolo_tl.evaluation.operating import Kind, outcomes
from yolo_tl.evaluation.records import ImageResult

_ANY = -1.0  # every confidence is above it
_FRAME_PX = 2.0  # by how much a corner may be off in each frame: letterboxing rounds to whole px

Indices = tuple[int, ...]


@dataclass(frozen=True)
class Flip:
    """One image whose outcome differs between models a and b.

    Attributes:
        image: its path.
        lost_truths: found by b and missed by a; places in the truths of a's result, as are those of `gained_truths`.
        gained_truths: found by a and missed by b.
        false_a_boxes: false alarms of a that b does not raise; places in a's detections.
        false_b_boxes: false alarms of b that a does not raise; places in b's detections.
    """

    image: str
    lost_truths: Indices
    gained_truths: Indices
    false_a_boxes: Indices
    false_b_boxes: Indices

    @property
    def lost(self) -> int:
        """Objects that only b finds."""
        return len(self.lost_truths)

    @property
    def gained(self) -> int:
        """Objects that only a finds."""
        return len(self.gained_truths)

    @property
    def false_a(self) -> int:
        """False alarms that only a raises."""
        return len(self.false_a_boxes)

    @property
    def false_b(self) -> int:
        """False alarms that only b raises."""
        return len(self.false_b_boxes)

    @property
    def changed(self) -> int:
        """All four together."""
        return self.lost + self.gained + self.false_a + self.false_b

    def to_json(self) -> dict[str, Any]:
        """The counts and the places."""
        counts = {"lost": self.lost, "gained": self.gained, "false_a": self.false_a, "false_b": self.false_b}
        return {**asdict(self), **counts}


def flips(a: Sequence[ImageResult], b: Sequence[ImageResult], thresholds: tuple[float, float]) -> tuple[Flip, ...]:
    """The images whose outcome differs, most changes first, missed objects before false alarms where as many.

    Args:
        a: one entry for each image.
        b: the same images in the same order; another frame is fine where `ratio` and `pad` tell it.
        thresholds: confidence above which a detection counts, of each model. Two false alarms are the same where they
            are of one class and their IoU is 0.5 or more, as where a detection finds a truth.

    Raises:
        DataError: the truths of an image lie in other places.
    """
    found = [flip for one, other in zip(a, b, strict=True) if (flip := _flip(one, other, thresholds)).changed]
    return tuple(sorted(found, key=lambda flip: (-flip.changed, -flip.lost - flip.gained)))


def _flip(a: ImageResult, b: ImageResult, thresholds: tuple[float, float]) -> Flip:
    of_a, of_b = (outcomes(result, threshold) for result, threshold in zip((a, b), thresholds, strict=True))
    found_a, found_b = of_a.truth_found, of_b.truth_found[_places(a, b)]
    false_a, false_b = (np.flatnonzero(one.detection_kind == Kind.FALSE_ALARM) for one in (of_a, of_b))
    # Which false alarms both raise: those of a, looked for among those of b as if they were truths.
    alarms = ImageResult(
        image=a.image,
        detections=replace(a.detections[false_a], xyxy=a.in_original(a.detections.xyxy[false_a])),
        truth_xyxy=b.in_original(b.detections.xyxy[false_b]),
        truth_class=b.detections.class_id[false_b],
    )
    shared = outcomes(alarms, _ANY)
    return Flip(
        image=a.image,
        lost_truths=tuple(np.flatnonzero(found_b & ~found_a).tolist()),
        gained_truths=tuple(np.flatnonzero(found_a & ~found_b).tolist()),
        false_a_boxes=tuple(false_a[shared.detection_kind == Kind.FALSE_ALARM].tolist()),
        false_b_boxes=tuple(false_b[~shared.truth_found].tolist()),
    )


def _places(a: ImageResult, b: ImageResult) -> NDArray[np.intp]:
    """For each truth (M,) of `a` its place among the truths of `b`, which may be in another order and frame."""
    here, there = a.in_original(a.truth_xyxy), b.in_original(b.truth_xyxy)
    apart = np.abs(here[:, None] - there).max(2, initial=0)
    apart[a.truth_class[:, None] != b.truth_class] = np.inf
    near = _FRAME_PX / a.ratio + _FRAME_PX / b.ratio
    if (np.diagonal(apart) <= near).all():
        return np.arange(len(here))
    places = np.zeros(len(here), np.intp)
    for i, row in enumerate(apart):
        places[i] = row.argmin()
        if row[places[i]] > near:
            raise DataError(
                f"{a.image}: expected the same truths for both models, found none of the second at "
                f"{here[i].round(1).tolist()} px",
                hint="evaluate both models on the same labels",
            )
        apart[:, places[i]] = np.inf
    return places
