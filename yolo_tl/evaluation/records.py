"""What a detector said about one image, beside what is true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.errors import DataError


@dataclass(frozen=True, eq=False)
class ImageResult:
    """The detections and the ground truth of one image.

    Attributes:
        image: path of the image; names it in messages and pairs it between two models.
        detections: N detections in any order.
        truth_xyxy: (M, 4) float32 corners in px, in the same frame as the detections
            (the original image or the network input: IoU does not care which).
        truth_class: (M,) int64, index into the class names.
        ratio: px of this frame for each px of the original image.
        pad: px of this frame left of and above the original image.

    Raises:
        DataError: the truth arrays do not have these shapes.
    """

    image: str
    detections: Detections
    truth_xyxy: NDArray[np.float32]
    truth_class: NDArray[np.int64]
    ratio: float = 1.0
    pad: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        boxes, classes = np.shape(self.truth_xyxy), np.shape(self.truth_class)
        if len(classes) != 1 or boxes != (*classes, 4):
            raise DataError(
                f"{self.image}: expected truth_xyxy (M, 4) and truth_class (M,), found {boxes} and {classes}",
                hint="give one class for each box; an image without objects has shapes (0, 4) and (0,)",
            )

    def in_original(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) of this frame in px of the original image; not clipped to it."""
        moved: NDArray[np.float32] = ((xyxy - np.array([*self.pad, *self.pad])) / self.ratio).astype(np.float32)
        return moved
