"""Letterbox: scale an image into the network's input without distortion, and bring boxes back.

The roundings are those of Ultralytics 8.4, because one pixel of padding moves every box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats
from yolo_tl.edge.image import Image
from yolo_tl.edge.network import Size

PADDING = 114
"""Grey level around the image, as in training."""

_WHITE = np.float32(255)


@dataclass(frozen=True)
class Content:
    """Where an image lies on its letterboxed canvas, in px of the canvas; the rest is padding."""

    top: int
    left: int
    height: int
    width: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@lru_cache(64)
def layout(image: Size, canvas: Size, *, stride: int | None = None) -> tuple[Size, Content]:
    """Height and width of an image that was letterboxed, and where in it the image lies; see `letterbox`."""
    height, width = _scaled(image, min(canvas[0] / image[0], canvas[1] / image[1]))
    spare = canvas[0] - height, canvas[1] - width
    if stride is not None:
        spare = spare[0] % stride, spare[1] % stride
    return (height + spare[0], width + spare[1]), Content(_before(spare[0]), _before(spare[1]), height, width)


def letterbox(image: Image, canvas: Size, *, stride: int | None = None, padding: int = PADDING) -> Image:
    """Resize `image` (H, W, 3) to fit `canvas`, centred on grey.

    Args:
        image: uint8.
        canvas: height and width to fit into.
        stride: pad only to the next multiple of it instead of the whole canvas (the
            smallest rectangle that a dynamic export accepts).
        padding: grey level around the image.
    """
    size, inside = layout((image.shape[0], image.shape[1]), canvas, stride=stride)
    padded = np.full((*size, 3), padding, np.uint8)
    padded[inside.place] = resized(image, (inside.height, inside.width))
    return padded


def resized(image: Image, size: Size, *, memory: NDArray[np.uint8] | None = None) -> Image:
    """`image` (H, W, 3) in another height and width; itself where it has them.

    Args:
        image: uint8.
        size: height and width.
        memory: (N,) for the pixels of the result.
    """
    if image.shape[:2] == size:
        return image
    target = None if memory is None else memory[: size[0] * size[1] * 3].reshape(*size, 3)
    result: Image = cv2.resize(image, size[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
    return result


def to_tensor(images: Sequence[Image], *, rgb: bool = True, scaled: bool = True) -> NDArray[np.float32]:
    """Letterboxed BGR images of one size → (B, 3, H, W) RGB in [0, 1].

    Args:
        images: each (H, W, 3) uint8.
        rgb: False keeps the channels in their order.
        scaled: False keeps the levels 0 to 255.
    """
    tensor = np.empty((len(images), 3, *images[0].shape[:2]), np.float32)
    for planes, image in zip(tensor, images, strict=True):
        write_planes(image, planes, rgb=rgb, scaled=scaled)
    return tensor


def write_planes(
    image: Image,
    planes: NDArray[np.float32],
    *,
    rgb: bool = True,
    scaled: bool = True,
    memory: NDArray[np.uint8] | None = None,
) -> None:
    """One image (H, W, 3) into its place (3, H, W) in a tensor; see `to_tensor`.

    Args:
        image: uint8, BGR.
        planes: where to.
        rgb: see `to_tensor`, as for the next one.
        scaled: or levels.
        memory: (N,) for the pixels of the image.
    """
    target = None if memory is None else list(memory[: image.size].reshape(3, *image.shape[:2]))
    # Split first: arithmetic on planes is four times quicker than on pixels.
    for plane, part in zip(planes[::-1] if rgb else planes, cv2.split(image, target), strict=True):
        if scaled:
            # Division, not multiplication by 1/255: in float32 the two differ in the last bit for many levels.
            np.divide(part, _WHITE, out=plane, dtype=np.float32)
        else:
            plane[:] = part


def content(canvas: Size, image: Size) -> Content:
    """Where `letterbox` puts an image of this height and width."""
    return layout(image, canvas)[1]


def unletterbox(boxes: Floats, *, canvas: Size, image: Size) -> Floats:
    """Corner boxes (N, 4) in px of the letterboxed canvas → px of the image, clipped to it."""
    shift, gain, most = _way_back(canvas, image, boxes.dtype)
    moved: Floats = boxes - shift
    moved /= gain
    np.maximum(moved, 0, out=moved)
    return np.minimum(moved, most, out=moved)


def unletterbox_centres(boxes: Floats, *, canvas: Size, image: Size) -> Floats:
    """Boxes (N, 4) as centre x, centre y, width, height in px of the canvas → px of the image; they may stick out."""
    shift, gain, _ = _way_back(canvas, image, boxes.dtype)
    moved: Floats = np.concatenate([boxes[:, :2] - shift[:2], boxes[:, 2:]], axis=1) / gain
    return moved


def unletterbox_points(points: Floats, *, canvas: Size, image: Size) -> Floats:
    """Points (..., 2 or more) whose first numbers are x and y in px of the canvas → px of the image, clipped to it."""
    shift, gain, most = _way_back(canvas, image, points.dtype)
    moved = ((points[..., :2] - shift[:2]) / gain[:2]).clip(0, most[:2])
    return np.concatenate([moved, points[..., 2:]], axis=-1)


@lru_cache(64)
def _way_back(canvas: Size, image: Size, kind: np.dtype[Any]) -> tuple[Floats, Floats, Floats]:
    """For x, y, x, y: px before the image, px of the canvas per px of the image, and px of the image.

    Both axes have their own gain, for each side was rounded on its own.
    """
    inside = content(canvas, image)
    return (
        np.array([inside.left, inside.top] * 2, kind),
        np.array([inside.width / image[1], inside.height / image[0]] * 2, kind),
        np.array([image[1], image[0]] * 2, kind),
    )


def _scaled(image: Size, ratio: float) -> Size:
    return max(round(image[0] * ratio), 1), max(round(image[1] * ratio), 1)


def _before(spare: int) -> int:
    """Padding on the left or the top side; an odd pixel goes to the other side."""
    return round(spare / 2 - 0.1)
