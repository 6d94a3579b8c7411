"""Letterbox: scale an image into the network's input without distortion, and bring boxes back.

The roundings are those of Ultralytics 8.4, because one pixel of padding moves every box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats, clip_xyxy
from yolo_tl.edge.image import Image
from yolo_tl.edge.network import Size

PADDING = 114
"""Grey level around the image, as in training."""

_LEVELS = np.arange(256, dtype=np.float32)
# Division, not multiplication by 1/255: the two differ in the last bit for many of the 256 levels.
_SCALED = _LEVELS / np.float32(255)


def letterbox(image: Image, canvas: Size, *, stride: int | None = None, padding: int = PADDING) -> Image:
    """Resize `image` (H, W, 3) to fit `canvas`, centred on grey.

    Args:
        image: uint8.
        canvas: height and width to fit into.
        stride: pad only to the next multiple of it instead of the whole canvas (the
            smallest rectangle that a dynamic export accepts).
        padding: grey level around the image.
    """
    height, width = image.shape[:2]
    new_height, new_width = _scaled((height, width), min(canvas[0] / height, canvas[1] / width))
    spare_height, spare_width = canvas[0] - new_height, canvas[1] - new_width
    if stride is not None:
        spare_height, spare_width = spare_height % stride, spare_width % stride
    top, left = _before(spare_height), _before(spare_width)
    padded = np.full((new_height + spare_height, new_width + spare_width, 3), padding, np.uint8)
    inside = padded[top : top + new_height, left : left + new_width]
    if (new_height, new_width) == (height, width):
        inside[:] = image
    else:
        cv2.resize(image, (new_width, new_height), dst=inside, interpolation=cv2.INTER_LINEAR)
    return padded


def to_tensor(images: Sequence[Image], *, rgb: bool = True, scaled: bool = True) -> NDArray[np.float32]:
    """Letterboxed BGR images of one size → (B, 3, H, W) RGB in [0, 1].

    Args:
        images: each (H, W, 3) uint8.
        rgb: False keeps the channels in their order.
        scaled: False keeps the levels 0 to 255.
    """
    table = _SCALED if scaled else _LEVELS
    tensor = np.empty((len(images), 3, *images[0].shape[:2]), np.float32)
    for planes, image in zip(tensor, images, strict=True):
        for channel, plane in enumerate(cv2.split(image)):
            # A table look-up writes the plane in place; four times quicker than transpose, cast and divide.
            cv2.LUT(plane, table, dst=planes[2 - channel if rgb else channel])
    return tensor


@dataclass(frozen=True)
class Content:
    """Where an image lies on its letterboxed canvas, in px of the canvas; the rest is padding."""

    top: int
    left: int
    height: int
    width: int


def content(canvas: Size, image: Size) -> Content:
    """Where `letterbox` puts an image of this height and width."""
    height, width = _scaled(image, min(canvas[0] / image[0], canvas[1] / image[1]))
    return Content(_before(canvas[0] - height), _before(canvas[1] - width), height, width)


def unletterbox(boxes: Floats, *, canvas: Size, image: Size) -> Floats:
    """Corner boxes (N, 4) in px of the letterboxed canvas → px of the image, clipped to it."""
    inside = content(canvas, image)
    shift, gain = _shift(inside, boxes.dtype), _gain(inside, image, boxes.dtype)
    moved = (boxes - np.tile(shift, 2)) / np.tile(gain, 2)
    return clip_xyxy(moved, width=image[1], height=image[0])


def unletterbox_centres(boxes: Floats, *, canvas: Size, image: Size) -> Floats:
    """Boxes (N, 4) as centre x, centre y, width, height in px of the canvas → px of the image; they may stick out."""
    inside = content(canvas, image)
    shift, gain = _shift(inside, boxes.dtype), _gain(inside, image, boxes.dtype)
    moved: Floats = np.concatenate([boxes[:, :2] - shift, boxes[:, 2:]], axis=1) / np.tile(gain, 2)
    return moved


def unletterbox_points(points: Floats, *, canvas: Size, image: Size) -> Floats:
    """Points (..., 2 or more) whose first numbers are x and y in px of the canvas → px of the image, clipped to it."""
    inside = content(canvas, image)
    moved = (points[..., :2] - _shift(inside, points.dtype)) / _gain(inside, image, points.dtype)
    moved = moved.clip(0, np.array([image[1], image[0]], points.dtype))
    return np.concatenate([moved, points[..., 2:]], axis=-1)


def _shift(inside: Content, kind: np.dtype[Any]) -> Floats:
    return np.array([inside.left, inside.top], kind)


def _gain(inside: Content, image: Size, kind: np.dtype[Any]) -> Floats:
    """Px of the canvas per px of the image; both axes have their own, for each side was rounded on its own."""
    return np.array([inside.width / image[1], inside.height / image[0]], kind)


def _scaled(image: Size, ratio: float) -> Size:
    return max(round(image[0] * ratio), 1), max(round(image[1] * ratio), 1)


def _before(spare: int) -> int:
    """Padding on the left or the top side; an odd pixel goes to the other side."""
    return round(spare / 2 - 0.1)
