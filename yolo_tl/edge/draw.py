"""Detections drawn into an image, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from yolo_tl.boxes import Detections
from yolo_tl.edge.image import Image, as_bgr

# BGR; far apart in hue, and light enough for black text.
_COLOURS = (
    (75, 200, 60),
    (60, 160, 255),
    (255, 190, 90),
    (90, 110, 255),
    (230, 130, 230),
    (80, 230, 230),
    (230, 230, 100),
    (170, 190, 190),
)


def draw(image: Image, detections: Detections, names: Sequence[str]) -> Image:
    """A copy of `image` (H, W, 3) uint8 BGR with boxes, class names and scores.

    OpenCV's fonts are Latin only and would draw question marks, so a class with any other
    letter in its name is labelled with its number.
    """
    picture = as_bgr(image).copy()
    thickness = max(round(sum(picture.shape[:2]) / 2 * 0.003), 1)
    # Weakest first, so that the best box is on top.
    for position in reversed(range(len(detections))):
        number = int(detections.class_id[position])
        name = names[number] if names[number].isascii() else str(number)
        label = f"{name} {detections.confidence[position]:.2f}"
        x1, y1, x2, y2 = (round(float(value)) for value in detections.xyxy[position])
        colour = _COLOURS[number % len(_COLOURS)]
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, thickness)
        _write(picture, label, (x1, y1), colour, thickness)
    return picture


def _write(picture: Image, label: str, corner: tuple[int, int], colour: tuple[int, int, int], thickness: int) -> None:
    """Text on a filled ground: above the box where there is room, inside it otherwise."""
    scale, stroke = thickness / 3, max(thickness - 1, 1)
    (width, height), baseline = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    x = max(min(corner[0], picture.shape[1] - width), 0)
    bottom = corner[1] if corner[1] >= height + baseline else corner[1] + height + baseline
    cv2.rectangle(picture, (x, bottom - height - baseline), (x + width, bottom), colour, cv2.FILLED)
    origin = (x, bottom - baseline)
    cv2.putText(picture, label, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), stroke, cv2.LINE_AA)
