"""Labels drawn into pictures: boxes, oriented boxes, polygons, keypoints and names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.pictures.pixels import Image
from yolo_tl.data.records import Annotation, Ring, Size
from yolo_tl.data.yolo.labelled import box_of

Colour = tuple[int, int, int]  # red, green, blue

# Far apart in hue and lightness; dark enough for white text. After these, hues at the golden angle.
_COLOURS: tuple[Colour, ...] = (
    (37, 99, 235),
    (220, 38, 38),
    (22, 138, 74),
    (217, 119, 6),
    (147, 51, 234),
    (8, 145, 178),
    (219, 39, 119),
    (101, 128, 13),
    (79, 70, 229),
    (180, 83, 9),
    (13, 128, 117),
    (162, 28, 175),
)
_FILL = 0.22  # opacity of polygons
_SHIFT = 3  # bits of a pixel: OpenCV draws between pixels then


def colour(number: int) -> Colour:
    """The colour of a class by its index.

    >>> colour(0), colour(0) == colour(50)
    ((37, 99, 235), False)
    """
    if number < len(_COLOURS):
        return _COLOURS[number]
    import colorsys

    red, green, blue = colorsys.hsv_to_rgb((number * 0.618034) % 1, 0.72, 0.72)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_objects(picture: Image, objects: Sequence[Annotation], names: Sequence[str], *, tags: bool = True) -> Image:
    """A copy of `picture` (H, W, 3) BGR with its objects, whose coordinates are shares of its sides.

    Args:
        picture: the upright image, at the size it is looked at: lines are as wide as that needs.
        objects: the largest are drawn first, so that small ones stay visible.
        names: class names by index, for the colours.
        tags: write the class beside each object.
    """
    canvas: Any = picture.copy()
    numbers = {name: i for i, name in enumerate(names)}
    line = max(1, round(min(picture.shape[:2]) / 220))
    known = [item for item in objects if np.isfinite(box_of(item)).all()]
    known.sort(key=lambda item: -_area(item))
    for item in known:
        _draw_shape(canvas, item, colour(numbers.get(item.name, 0)), line)
    if tags:
        height = int(np.clip(min(picture.shape[:2]) / 20, 10, 26))
        for item in known:
            _draw_tag(canvas, item, colour(numbers.get(item.name, 0)), height)
    result: Image = canvas
    return result


def _area(item: Annotation) -> float:
    x1, y1, x2, y2 = box_of(item)
    return (x2 - x1) * (y2 - y1)


def _draw_shape(canvas: Any, item: Annotation, rgb: Colour, line: int) -> None:
    import cv2

    bgr = rgb[::-1]
    size = canvas.shape[1], canvas.shape[0]
    if item.parts:
        rings = [_points(ring, size) for ring in item.parts]
        covered = np.zeros(canvas.shape[:2], np.uint8)
        cv2.fillPoly(covered, rings, 255, cv2.LINE_8, _SHIFT)
        inside = covered > 0
        canvas[inside] = (canvas[inside] * (1 - _FILL) + np.array(bgr) * _FILL).astype(np.uint8)
        cv2.polylines(canvas, rings, True, bgr, line, cv2.LINE_AA, _SHIFT)
    elif item.corners:
        ring = _points(item.corners, size)
        cv2.polylines(canvas, [ring], True, bgr, line, cv2.LINE_AA, _SHIFT)
        cv2.line(canvas, ring[0, 0].tolist(), ring[1, 0].tolist(), bgr, 2 * line, cv2.LINE_AA, _SHIFT)
    else:
        x1, y1, x2, y2 = box_of(item)
        ring = _points((x1, y1, x2, y1, x2, y2, x1, y2), size)
        cv2.polylines(canvas, [ring], True, bgr, line, cv2.LINE_AA, _SHIFT)
    for i in range(0, len(item.keypoints), 3):
        x, y, visibility = item.keypoints[i : i + 3]
        if visibility > 0 and np.isfinite([x, y]).all():
            place = _points((x, y), size)[0, 0].tolist()
            radius = (2 * line + 1) << _SHIFT
            cv2.circle(canvas, place, radius + (line << _SHIFT), (255, 255, 255), -1, cv2.LINE_AA, _SHIFT)
            cv2.circle(canvas, place, radius, bgr, -1 if visibility > 1 else line, cv2.LINE_AA, _SHIFT)


def _draw_tag(canvas: Any, item: Annotation, rgb: Colour, height: int) -> None:
    import cv2

    x1, y1, _, _ = box_of(item)
    pad = max(2, height // 5)
    width = text_width(item.name, height) + 2 * pad
    left = int(np.clip(x1 * canvas.shape[1], 0, max(0, canvas.shape[1] - width)))
    bottom = int(np.clip(y1 * canvas.shape[0], height + pad, canvas.shape[0]))
    cv2.rectangle(canvas, (left, bottom - height - pad), (left + width, bottom), rgb[::-1], cv2.FILLED)
    draw_text(canvas, item.name, (left + pad, bottom - pad), height, (255, 255, 255), weight=500)


def _points(ring: Ring, size: Size) -> NDArray[np.int32]:
    """(K, 1, 2) the points in fractions of a pixel; far outside ones are pulled near, where OpenCV can count."""
    shares = np.clip(np.array(ring, np.float64).reshape(-1, 1, 2), -4, 5)
    return np.round((shares * size - 0.5) * (1 << _SHIFT)).astype(np.int32)


def draw_text(canvas: Any, text: str, place: tuple[int, int], height: int, rgb: Colour, *, weight: int = 400) -> None:
    """Text with the left end of its base line at `place`; `height` is that of the font in px.

    With OpenCV below 5 the letters are of strokes, and those outside of ASCII become question marks.
    """
    import cv2

    font: Any = _font()
    if font is None:
        plain = text.encode("ascii", "replace").decode()
        cv2.putText(canvas, plain, place, cv2.FONT_HERSHEY_SIMPLEX, height / 30, rgb[::-1], 1, cv2.LINE_AA)
    else:
        cv2.putText(canvas, text, place, rgb[::-1], font, height, weight)


def text_width(text: str, height: int, *, weight: int = 400) -> int:
    """Width of a text in px."""
    import cv2

    font: Any = _font()
    if font is None:
        plain = text.encode("ascii", "replace").decode()
        return int(cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, height / 30, 1)[0][0])
    return int(cv2.getTextSize((1, 1), text or " ", (0, 0), font, height, weight)[2])


def shortened(text: str, width: int, height: int) -> str:
    """`text`, or its ends with an ellipsis between them, so that it fits into `width` px."""
    if text_width(text, height) <= width:
        return text
    keep = len(text)
    while keep > 2 and text_width(text, height) * keep / len(text) > width - height:
        keep -= 1
    return text[: keep // 2] + "…" + text[len(text) - (keep - keep // 2) :]


@cache
def _font() -> object:
    import cv2

    return cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None
