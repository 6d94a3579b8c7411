"""What was found, drawn into the image, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.classification import Classification
from yolo_tl.edge.image import Image, as_bgr
from yolo_tl.edge.postprocess import Result

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

_VISIBLE = 0.5  # below it a keypoint is a guess, and left out

Colour = tuple[int, int, int]


def draw(image: Image, found: Result, names: Sequence[str]) -> Image:
    """A copy of `image` (H, W, 3) uint8 BGR with what was found in it.

    Boxes, turned where they are, with class names and scores, over masks and under keypoints; of a classification the
    best classes and their probabilities.

    OpenCV's fonts are Latin only and would draw question marks, so a class with any other
    letter in its name is labelled with its number.
    """
    picture = as_bgr(image).copy()
    thickness = max(round(sum(picture.shape[:2]) / 2 * 0.003), 1)
    if isinstance(found, Classification):
        _draw_classes(picture, found, names, thickness)
        return picture
    # Weakest first, so that the best box is on top.
    for position in reversed(range(len(found))):
        number = int(found.class_id[position])
        colour = _COLOURS[number % len(_COLOURS)]
        if found.masks is not None:
            mask = found.masks[position]
            picture[mask] = picture[mask] // 2 + np.array(colour, np.uint8) // 2
        label = f"{_name(number, names)} {found.confidence[position]:.2f}"
        if found.angle is None:
            x1, y1, x2, y2 = (round(float(value)) for value in found.xyxy[position])
            cv2.rectangle(picture, (x1, y1), (x2, y2), colour, thickness)
            corner = (x1, y1)
        else:
            outline = np.rint(found.corners[position]).astype(np.int32)
            cv2.polylines(picture, [outline], True, colour, thickness)
            corner = (int(outline[:, 0].min()), int(outline[:, 1].min()))
        _write(picture, label, corner, colour, thickness)
        if found.keypoints is not None:
            _draw_points(picture, found.keypoints[position], colour, thickness)
    return picture


def _draw_classes(picture: Image, found: Classification, names: Sequence[str], thickness: int) -> None:
    line = 12 * thickness
    for place, number in enumerate(found.top5):
        label = f"{_name(number, names)} {found.probabilities[number]:.2f}"
        _write(picture, label, (0, (place + 1) * line), _COLOURS[number % len(_COLOURS)], thickness)


def _draw_points(picture: Image, points: NDArray[np.float32], colour: Colour, thickness: int) -> None:
    for x, y, *visible in points:
        if not visible or visible[0] >= _VISIBLE:
            cv2.circle(picture, (round(float(x)), round(float(y))), 2 * thickness, colour, cv2.FILLED)


def _name(number: int, names: Sequence[str]) -> str:
    return names[number] if names[number].isascii() else str(number)


def _write(picture: Image, label: str, corner: tuple[int, int], colour: Colour, thickness: int) -> None:
    """Text on a filled ground: above the box where there is room, inside it otherwise."""
    scale, stroke = thickness / 3, max(thickness - 1, 1)
    (width, height), baseline = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    x = max(min(corner[0], picture.shape[1] - width), 0)
    bottom = corner[1] if corner[1] >= height + baseline else corner[1] + height + baseline
    cv2.rectangle(picture, (x, bottom - height - baseline), (x + width, bottom), colour, cv2.FILLED)
    origin = (x, bottom - baseline)
    cv2.putText(picture, label, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), stroke, cv2.LINE_AA)
