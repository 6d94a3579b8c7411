"""Parts of an image beside each other, each with boxes of its own: what is true, what a model said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.pictures.drawing import Colour, draw_text, text_width
from yolo_tl.data.pictures.pixels import Image, read_pixels
from yolo_tl.errors import ImageError

WIDTH, HEIGHT = 280, 210  # of one part, px
_GAP = 4
_QUALITY = 76
_AROUND = 3.2  # how many times a box the part shown around it is
_LEAST = 96  # px of the image that a part shows at least
_CLOSEST = 4.0  # times an image is enlarged at most
_LETTERS = 13  # px
_HALO: Colour = (255, 255, 255)
_BACK: Colour = (30, 33, 36)

TRUTH: Colour = (0, 114, 178)  # Okabe & Ito 2008: apart for every kind of colour vision
SAID: Colour = (213, 94, 0)


@dataclass(frozen=True)
class Mark:
    """A box to draw.

    Attributes:
        xyxy: corners, px of the original image.
        colour: red, green, blue.
        text: a few letters beside it; none by default.
        strong: whether it is what the picture is about.
    """

    xyxy: tuple[float, float, float, float]
    colour: Colour
    text: str = ""
    strong: bool = False


def crops(path: Path, parts: Sequence[Sequence[Mark]], around: Sequence[float] | None) -> bytes | None:
    """A JPEG with the same part of an image once for each of `parts`, side by side.

    Args:
        path: the image.
        parts: the boxes in each.
        around: the box to show with its surroundings, px; None shows the whole image.

    Returns:
        The file, `WIDTH` by `HEIGHT` px for each part and a gap between them; None if the image cannot be read.
    """
    import cv2

    try:
        pixels = read_pixels(path)
    except ImageError:
        return None
    x1, y1, x2, y2 = _window(around, pixels.shape[1], pixels.shape[0])
    part = pixels[y1:y2, x1:x2]
    scale = min(WIDTH / part.shape[1], HEIGHT / part.shape[0])
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small: Any = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    fields: list[Image] = []
    for marks in parts:
        if fields:
            fields.append(np.full((HEIGHT, _GAP, 3), 255, np.uint8))
        canvas = np.full((HEIGHT, WIDTH, 3), _BACK[::-1], np.uint8)
        left, top = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
        canvas[top : top + size[1], left : left + size[0]] = small
        _draw(canvas[top : top + size[1], left : left + size[0]], marks, np.array([x1, y1]), scale)
        fields.append(canvas)
    content: bytes = cv2.imencode(".jpg", np.hstack(fields), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return content


def sides(parts: int) -> tuple[int, int]:
    """Width and height in px of the picture that `crops` makes."""
    return parts * WIDTH + (parts - 1) * _GAP, HEIGHT


def _draw(field: Any, marks: Sequence[Mark], origin: NDArray[np.int64], scale: float) -> None:
    import cv2

    for mark in sorted(marks, key=lambda mark: mark.strong):
        corners = (np.array(mark.xyxy).reshape(2, 2) - origin) * scale
        (x1, y1), (x2, y2) = np.rint(np.clip(corners, -4000, 4000)).astype(int).tolist()
        for colour, width in ((_HALO, 4 if mark.strong else 0), (mark.colour, 2 if mark.strong else 1)):
            if width:
                cv2.rectangle(field, (x1, y1), (x2, y2), colour[::-1], width, cv2.LINE_AA)
        if mark.text:
            wide = text_width(mark.text, _LETTERS) + 6
            left = int(np.clip(x1, 0, max(0, field.shape[1] - wide)))
            bottom = int(np.clip(y1, _LETTERS + 4, field.shape[0]))
            cv2.rectangle(field, (left, bottom - _LETTERS - 4), (left + wide, bottom), mark.colour[::-1], cv2.FILLED)
            draw_text(field, mark.text, (left + 3, bottom - 4), _LETTERS, (255, 255, 255), weight=500)


def _window(around: Sequence[float] | None, width: int, height: int) -> tuple[int, int, int, int]:
    """The part of the image to show, px: of the shape of the picture where the image has room for it."""
    if around is None or not np.isfinite(around).all():
        return 0, 0, width, height
    x1, y1, x2, y2 = around
    tall = max((y2 - y1) * _AROUND, (x2 - x1) * _AROUND * HEIGHT / WIDTH, _LEAST, HEIGHT / _CLOSEST)
    tall = min(tall, max(height, width * HEIGHT / WIDTH))
    side = np.minimum([tall * WIDTH / HEIGHT, tall], [width, height])
    low = np.clip([(x1 + x2 - side[0]) / 2, (y1 + y2 - side[1]) / 2], 0, np.array([width, height]) - side)
    high = np.minimum(np.ceil(low + side), [width, height]).astype(int)
    left, top = np.minimum(np.floor(low).astype(int), high - 1).tolist()
    return left, top, int(high[0]), int(high[1])
