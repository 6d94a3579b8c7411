"""Masks from prototypes and coefficients, on the letterboxed canvas and then in the image.

A mask is what Ultralytics gives by default and draws: prototypes are mixed, enlarged to the canvas, cut off at zero and
at the box; that picture of yes and no is enlarged to the image and cut off at one half (``ops.scale_masks``). Only the
part around the box is computed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats
from yolo_tl.edge.letterbox import content
from yolo_tl.edge.network import Size

Bools = NDArray[np.bool_]


def canvas_masks(prototypes: Floats, rows: Floats, canvas: Size) -> Bools:
    """Masks (N, *canvas) on the letterboxed canvas.

    Args:
        prototypes: (K, h, w) of the network.
        rows: (N, 6 + K) corners in px of the canvas, score, class, coefficients; float32.
        canvas: height and width in px.
    """
    size = prototypes.shape[1:]
    mixed = (rows[:, 6:] @ prototypes.astype(np.float32).reshape(len(prototypes), -1)).reshape(-1, *size)
    masks = np.zeros((len(rows), *canvas), np.bool_)
    ys, xs = np.arange(canvas[0], dtype=np.float32), np.arange(canvas[1], dtype=np.float32)
    for mask, picture, (x1, y1, x2, y2) in zip(masks, mixed, rows[:, :4], strict=True):
        inside_y, inside_x = _run((ys >= y1) & (ys < y2)), _run((xs >= x1) & (xs < x2))
        mask[inside_y, inside_x] = _resized(picture, canvas, inside_y, inside_x) > 0
    return masks


def image_masks(masks: Bools, image: Size) -> Bools:
    """Masks (N, H, W) on the canvas → (N, *image) in the image.

    A mask that is thinner than half a pixel of the image may become empty.
    """
    canvas = (masks.shape[1], masks.shape[2])
    if canvas == image:
        return masks
    inside = content(canvas, image)
    cut = masks[:, inside.top : inside.top + inside.height, inside.left : inside.left + inside.width]
    enlarged = np.zeros((len(masks), *image), np.bool_)
    for target, mask in zip(enlarged, cut, strict=True):
        touched_y, touched_x = _touched(mask.any(axis=1), image[0]), _touched(mask.any(axis=0), image[1])
        target[touched_y, touched_x] = _resized(mask.astype(np.float32), image, touched_y, touched_x) > 0.5
    return enlarged


def _resized(picture: NDArray[np.float32], size: Size, rows: slice, columns: slice) -> NDArray[np.float32]:
    """The part `rows`, `columns` of `picture` enlarged to `size`; bilinear, pixels taken as areas, in float32.

    OpenCV places its samples in double precision, which decides otherwise than torch where a mask ends half-way.
    """
    top, bottom, lower = (part[rows] for part in _samples(picture.shape[0], size[0]))
    left, right, more = (part[columns] for part in _samples(picture.shape[1], size[1]))
    if not len(top) or not len(left):
        return np.zeros((len(top), len(left)), np.float32)
    first = int(top[0])
    lines = picture[first : bottom[-1] + 1]
    lines = lines[:, left] * (1 - more) + lines[:, right] * more
    lower = lower[:, None]
    result: NDArray[np.float32] = lines[top - first] * (1 - lower) + lines[bottom - first] * lower
    return result


def _samples(before: int, after: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each position after: the two positions before that it lies between, and the share of the second."""
    half = np.float32(0.5)
    place = np.float32(before) / np.float32(after) * (np.arange(after, dtype=np.float32) + half) - half
    place = np.maximum(place, np.float32(0))
    first = np.minimum(place.astype(np.intp), before - 1)
    return first, np.minimum(first + 1, before - 1), (place - first.astype(np.float32)).clip(0, 1)


def _touched(used: Bools, after: int) -> slice:
    """The positions after enlarging that lie between any of the `used` ones before."""
    places = np.flatnonzero(used)
    if not len(places):
        return slice(0, 0)
    first, second, _ = _samples(len(used), after)
    return _run((second >= places[0]) & (first <= places[-1]))


def _run(chosen: Bools) -> slice:
    """A row of positions without a gap as a slice."""
    places = np.flatnonzero(chosen)
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)
