"""A part drawn once and placed many times, at any scale and angle."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.scenes.pixels import Grey, Image

Matrix = NDArray[np.float64]  # (2, 3), from px of the sprite to px of the picture
Box = tuple[int, int, int, int]  # x1, y1, x2, y2 in whole px, x2 and y2 exclusive


class Sprite:
    """A picture with coverage, in steps of half the size, so that a small copy does not alias.

    Args:
        image: (H, W, 3) BGR.
        alpha: (H, W) coverage 0..255.
    """

    def __init__(self, image: Image, alpha: Grey) -> None:
        weighted = cv2.multiply(image, cv2.merge([alpha] * 3), scale=1 / 255)
        self.height, self.width = alpha.shape
        self._levels = [np.dstack([weighted, alpha])]
        while min(self._levels[-1].shape[:2]) > 64 and len(self._levels) < 4:
            rows, columns = (length // 2 * 2 for length in self._levels[-1].shape[:2])
            smaller = cv2.resize(self._levels[-1][:rows, :columns], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            self._levels.append(smaller)

    def matrix(self, center: tuple[float, float], scale: float, degrees: float) -> Matrix:
        """Places the middle of the sprite at `center`, in px of the picture."""
        middle = self.width / 2 - 0.5, self.height / 2 - 0.5
        placed: Matrix = cv2.getRotationMatrix2D(middle, degrees, scale)
        placed[:, 2] += np.subtract(center, middle)
        return placed

    def region(self, matrix: Matrix, box: Box) -> tuple[Image, Grey]:
        """What of the placed sprite lies in `box`: BGR, weighted with the coverage, and the coverage."""
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        level = 0
        while level + 1 < len(self._levels) and scale * 2 ** (level + 1) <= 1.2:
            level += 1
        step = 2.0**level
        to_master = np.array([[step, 0, (step - 1) / 2], [0, step, (step - 1) / 2], [0, 0, 1]])
        moved = matrix @ to_master
        moved[:, 2] -= box[:2]
        size = box[2] - box[0], box[3] - box[1]
        warped = cv2.warpAffine(self._levels[level], moved, size, flags=cv2.INTER_LINEAR)
        return warped[..., :3], warped[..., 3]

    def paste(self, canvas: Image, matrix: Matrix, surface: Grey | None = None) -> None:
        """Put the sprite on a picture, and its coverage on a mask of all that was put there."""
        corners = np.array([[0, 0], [self.width, 0], [self.width, self.height], [0, self.height]], np.float64)
        box = around(transformed(corners, matrix), canvas.shape[1], canvas.shape[0])
        if box is None:
            return
        x1, y1, x2, y2 = box
        image, alpha = self.region(matrix, box)
        inverse = cv2.bitwise_not(alpha)
        under = canvas[y1:y2, x1:x2]
        canvas[y1:y2, x1:x2] = cv2.add(cv2.multiply(under, cv2.merge([inverse] * 3), scale=1 / 255), image)
        if surface is not None:
            surface[y1:y2, x1:x2] = cv2.max(surface[y1:y2, x1:x2], alpha)


def transformed(points: NDArray[np.float64], matrix: Matrix) -> NDArray[np.float64]:
    """Points (N, 2) of a sprite in px of the picture."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def around(points: NDArray[np.float64], width: int, height: int, margin: int = 1) -> Box | None:
    """The whole pixels around points, within a picture; None where nothing is in it."""
    low, high = np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int)
    x1, y1 = max(0, int(low[0]) - margin), max(0, int(low[1]) - margin)
    x2, y2 = min(width, int(high[0]) + margin), min(height, int(high[1]) + margin)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None
