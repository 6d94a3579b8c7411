"""What a model says of one image, in every reading that the levels need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.edge.decode import Thresholds
from yolo_tl.exporting.gate.classes import lowered, threshold_of_each
from yolo_tl.exporting.gate.flips import REACH, ROUNDING, Counts
from yolo_tl.exporting.gate.scores import horizontal
from yolo_tl.exporting.gate.subject import Said, Subject


@dataclass(frozen=True, eq=False)
class Answer:
    """Of an image with objects.

    Attributes:
        found: at the operating point.
        counts: (classes,) how many.
        margins: (n,) score minus threshold, of what is `REACH` below it or better.
        scored: upright boxes down to the confidence from which mAP is counted; None where nothing is true.
    """

    found: Detections
    counts: Counts
    margins: NDArray[np.float64]
    scored: Detections | None

    @classmethod
    def of(cls, subject: Subject, said: Said, *, classes: int, scored: Thresholds | None) -> Answer:
        """Read the outputs.

        Args:
            subject: whose they are.
            said: them.
            classes: how many there are.
            scored: where mAP is counted from; None leaves it out.
        """
        limits = threshold_of_each(subject.thresholds, classes)
        found, near = subject.read(said), subject.read_boxes(said, lowered(subject.thresholds, REACH))
        margins = near.confidence - limits[near.class_id]
        lower = near[margins > -ROUNDING]
        if len(near) >= subject.thresholds.max_det:  # what is lower may have taken the places of what counts
            lower = subject.read_boxes(said, lowered(subject.thresholds, ROUNDING))
        every = None if scored is None else horizontal(subject.read_boxes(said, scored))
        return cls(found, Counts.of(found, lower, limits), margins, every)
