"""From outlines in fractions of a pixel to coverage, and from coverage to the exact outline of its pixels.

A pixel belongs to an object if at least half of it is covered. Coverage is counted on 4 x 4 points
of a pixel. The outline goes along the edges of pixels: filling it gives those pixels and no other.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.records import XYXY, Ring
from yolo_tl.data.scenes.pixels import Grey
from yolo_tl.data.scenes.sprite import Box, around

Points = NDArray[np.float64]  # (N, 2), px
HALF = 128
_FINE = 4


@dataclass(frozen=True)
class Patch:
    """One connected object without holes.

    Attributes:
        box: where the arrays lie in the picture.
        alpha: coverage 0..255; not 0 only in the object and beside it.
        solid: 1 for the pixels of the object, else 0.
    """

    box: Box
    alpha: Grey
    solid: Grey

    @property
    def area(self) -> int:
        """Pixels of the object."""
        return int(cv2.countNonZero(self.solid))

    @property
    def extent(self) -> XYXY:
        """The box around the pixels of the object."""
        x, y, width, height = cv2.boundingRect(self.solid)
        return (
            float(self.box[0] + x),
            float(self.box[1] + y),
            float(self.box[0] + x + width),
            float(self.box[1] + y + height),
        )

    @property
    def ring(self) -> Ring:
        """The outline, clockwise; corners only."""
        return traced(self.solid, self.box[:2])


def covered(points: Points, width: int, height: int, within: Grey | None = None) -> Patch | None:
    """The patch that an outline covers in a picture; None where no pixel is half covered.

    Of several pieces the largest is kept; holes are filled.

    Args:
        points: the outline, px.
        width: of the picture, px.
        height: of the picture, px.
        within: coverage (H, W) of what the object lies on; it ends where that ends.
    """
    box = around(points, width, height)
    if box is None:
        return None
    x1, y1, x2, y2 = box
    alpha = _coverage(points - (x1, y1), x2 - x1, y2 - y1)
    if within is not None:
        alpha = cv2.min(alpha, within[y1:y2, x1:x2])
    solid = _whole((alpha >= HALF).astype(np.uint8))
    if solid is None:
        return None
    near = cv2.dilate(solid, np.ones((3, 3), np.uint8))
    alpha = np.where(near > 0, alpha, 0).astype(np.uint8)
    alpha[(solid > 0) & (alpha < HALF)] = 255
    alpha[(solid == 0) & (alpha >= HALF)] = HALF - 1
    return Patch(box, alpha, solid)


def traced(solid: Grey, origin: tuple[int, int] = (0, 0)) -> Ring:
    """The outline of the pixels of `solid`, which are one piece without holes, along their edges."""
    rows, columns = solid.shape
    padded = np.zeros((rows + 2, columns + 2), bool)
    padded[1:-1, 1:-1] = solid > 0
    inner = padded[1:-1, 1:-1]
    stride = columns + 1
    following = np.zeros((rows + 1) * stride, np.int64)
    # Each edge from its first corner to its last, the object on its right hand.
    for free, start, end in (
        (padded[:-2, 1:-1], 0, 1),
        (padded[1:-1, 2:], 1, stride + 1),
        (padded[2:, 1:-1], stride + 1, stride),
        (padded[1:-1, :-2], stride, 0),
    ):
        y, x = np.nonzero(inner & ~free)
        at = y * stride + x
        following[at + start] = at + end
    steps = following.tolist()
    y, x = np.nonzero(inner)
    first = int(y[0]) * stride + int(x[0])
    path, at = [first], steps[first]
    while at != first:
        path.append(at)
        at = steps[at]
    corners = np.array(path)
    turns = (np.roll(corners, 1) - corners) != (corners - np.roll(corners, -1))
    chosen = corners[turns]
    xy = np.stack([chosen % stride + origin[0], chosen // stride + origin[1]], axis=1)
    return tuple(xy.astype(np.float64).ravel().tolist())


def _coverage(points: Points, width: int, height: int) -> Grey:
    """The share of each pixel that lies inside an outline, by the even-odd rule."""
    x, y = (points * _FINE).T
    rise, run = np.roll(y, -1) - y, np.roll(x, -1) - x
    low, high = np.minimum(y, y + rise), np.maximum(y, y + rise)
    # Of each edge the lines of samples that it crosses, and where.
    first = np.ceil(low - 0.5).clip(0, height * _FINE).astype(np.int64)
    crossed = np.ceil(high - 0.5).clip(0, height * _FINE).astype(np.int64) - first
    edge = np.repeat(np.arange(len(x)), crossed)
    line = np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - crossed, crossed) + first[edge]
    at = x[edge] + (line + 0.5 - y[edge]) * (run[edge] / rise[edge])
    column = np.ceil(at - 0.5).clip(0, width * _FINE).astype(np.int64)
    turns = np.bincount(line * (width * _FINE + 1) + column, minlength=height * _FINE * (width * _FINE + 1))
    odd = (turns & 1).astype(np.uint8).reshape(height * _FINE, -1)[:, :-1]
    inside = np.bitwise_xor.accumulate(odd, axis=1) * np.uint8(255)
    alpha: Grey = cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA)
    return alpha


def _whole(solid: Grey) -> Grey | None:
    """The largest piece, its pixels joined by edges, without holes; its outline never touches itself."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    if count < 2:
        return None
    if count > 2:
        solid = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    # Where two of its pixels touch at a corner only, one side of that corner is enclosed, and filled here as a hole is.
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros_like(solid)
    cv2.drawContours(whole, contours, -1, 1, thickness=-1)
    return whole
