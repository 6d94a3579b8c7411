"""One image several times side by side, each with other objects drawn: truth beside what models say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yolo_tl.data.pictures.drawing import draw_objects, draw_text, shortened
from yolo_tl.data.pictures.pixels import Image
from yolo_tl.data.records import Annotation

_INK = (24, 27, 33)
_HEAD, _MARGIN, _TEXT = 32, 8, 16  # px


@dataclass(frozen=True)
class Panel:
    """What is drawn into one copy of the image; coordinates are shares of its sides.

    Attributes:
        title: above it.
        objects: drawn with the name of their class.
        others: drawn without.
    """

    title: str
    objects: Sequence[Annotation]
    others: Sequence[Annotation] = ()


def panels(pixels: Image, shown: Sequence[Panel], names: Sequence[str], *, size: tuple[int, int] = (480, 480)) -> Image:
    """The picture (H, W, 3) BGR, panels from left to right.

    Args:
        pixels: the upright image, (H, W, 3) BGR.
        shown: one panel or more.
        names: class names by index, for the colours.
        size: width and height in px that each copy of the image fits into.
    """
    import cv2

    height, width = pixels.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small: Any = cv2.resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=how)
    drawn = []
    for panel in shown:
        picture: Any = draw_objects(draw_objects(small, panel.others, names, tags=False), panel.objects, names)
        framed: Any = cv2.copyMakeBorder(
            picture, _HEAD, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_CONSTANT, value=(255, 255, 255)
        )
        title = shortened(panel.title, picture.shape[1], _TEXT)
        draw_text(framed, title, (_MARGIN, _HEAD - 10), _TEXT, _INK)
        drawn.append(framed)
    joined: Image = np.hstack(drawn)
    return joined


def encoded(picture: Image) -> bytes:
    """The picture as a JPEG."""
    import cv2

    content: bytes = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    return content
