"""Shortest edge to a side, then the middle: how Ultralytics prepares images to be classified.

It resizes with Pillow's antialiased bilinear filter. OpenCV has none, so the filter is here, equal to that of Pillow 13
bit by bit: weights in double precision, rounded to 22 bits after the point, one pass along each axis, and levels
rounded to whole numbers after each (https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c).
Pillow up to 12.2 always went along the rows first: on tall images that are made much smaller, some levels differ by 1.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.image import Image
from yolo_tl.edge.network import Size

_PRECISION = 22  # bits after the point of a weight


def crop(image: Image, canvas: Size) -> Image:
    """The middle of `image` (H, W, 3) uint8, scaled to fill `canvas`; of a canvas that is no square, all of it.

    Args:
        image: of any size.
        canvas: height and width of the result.
    """
    height, width = _scaled((image.shape[0], image.shape[1]), canvas)
    top, left = round((height - canvas[0]) / 2), round((width - canvas[1]) / 2)
    # Only what stays is computed. Columns are made into rows, so that each tap is one piece of memory.
    if _down_first((image.shape[0], image.shape[1]), (height, width)):
        lower = _resampled(image, height, top, canvas[0])
        return _turned(_resampled(_turned(lower), width, left, canvas[1]))
    narrower = _resampled(_turned(image), width, left, canvas[1])
    return _resampled(_turned(narrower), height, top, canvas[0])


def _turned(image: Image) -> Image:
    turned: Image = cv2.transpose(image)  # uint8 as it was
    return turned


def _scaled(image: Size, canvas: Size) -> Size:
    if canvas[0] != canvas[1]:
        return canvas
    height, width = image
    if width <= height:
        return int(canvas[0] * height / width), canvas[0]
    return canvas[0], int(canvas[0] * width / height)


def _down_first(before: Size, after: Size) -> bool:
    """Whether Pillow resamples the height before the width; found by trying sizes, all of 1,484 pairs agree."""
    return after[0] < before[0] and before[0] - after[0] > 2 * (before[1] - after[1])


def _resampled(source: Image, size: int, first: int, count: int) -> Image:
    """Rows `first` to `first + count` of `source` (N, W, 3), resampled to `size` rows."""
    if len(source) == size:
        return source[first : first + count]
    starts, lengths, weights = _taps(len(source), size)
    rows = source.reshape(len(source), -1)
    sums = np.empty((count, rows.shape[1]))
    for i, at in enumerate(range(first, first + count)):
        length = lengths[at]
        # In double precision every sum of these whole numbers is exact, in whatever order BLAS adds them.
        np.dot(weights[at, :length], rows[starts[at] : starts[at] + length].astype(np.float64), out=sums[i])
    half = 1 << (_PRECISION - 1)
    levels = (sums.astype(np.int64) + half) >> _PRECISION
    return levels.astype(np.uint8).reshape(count, *source.shape[1:])


def _taps(before: int, after: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """For each row after: the first row before that it is made of, how many there are, and their weights (after, K)."""
    scale = before / after
    reach = max(scale, 1.0)
    centre = (np.arange(after) + 0.5) * scale
    starts = np.maximum(np.trunc(centre - reach + 0.5), 0).astype(np.intp)
    lengths = np.minimum(np.trunc(centre + reach + 0.5), before).astype(np.intp) - starts
    steps = np.arange(lengths.max())
    distance = np.abs((steps + starts[:, None] - centre[:, None] + 0.5) * (1.0 / reach))
    weights = np.where((distance < 1) & (steps < lengths[:, None]), 1 - distance, 0.0)
    weights /= np.cumsum(weights, axis=1)[:, -1:]  # added one after the other, as the peer does
    return starts, lengths, np.floor(weights * (1 << _PRECISION) + 0.5)
