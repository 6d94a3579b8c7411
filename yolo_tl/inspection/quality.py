"""Whether a picture can be judged: too dark, too bright, blurred."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_tl.edge.image import Image
from yolo_tl.inspection.decision import Quality, Reason
from yolo_tl.inspection.rules import QualityLimits, Region

_SIDE = 512  # px; however large the picture, the cost is that of a small one
_BLACK, _WHITE = 16, 235  # grey levels; black and white of ITU-R BT.601


def measure(image: Image, region: Region | None = None) -> Quality:
    """How dark, bright and sharp a picture is.

    Of a picture with a side above 512 px not every pixel is looked at: where k is the smallest whole number that brings
    the side there, only the middle of every k x k is, one or the average of 2 x 2. So the sharpness of a larger picture
    is not that of a smaller one, and a limit belongs to one size of pictures.

    Args:
        image: (H, W, 3) uint8 BGR, or grey (H, W) or (H, W, 1).
        region: measure only in the upright rectangle around it.
    """
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if region is not None:
        image = _around(image, region)
    height, width = image.shape[:2]
    factor = -(-max(height, width) // _SIDE)
    if 1 < factor <= min(height, width):
        small = (width // factor, height // factor)
        image = cv2.resize(image[: small[1] * factor, : small[0] * factor], small, interpolation=cv2.INTER_LINEAR_EXACT)
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    levels = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1]
    return Quality(
        dark=float(levels[: _BLACK + 1].sum()) / grey.size,
        bright=float(levels[_WHITE:].sum()) / grey.size,
        sharpness=float(deviation[0, 0] ** 2),
    )


def doubts(quality: Quality, limits: QualityLimits) -> list[Reason]:
    """Why a picture is too poor to be passed."""
    found = []
    for code, share, most, what in (
        ("dark", quality.dark, limits.max_dark, "black"),
        ("bright", quality.bright, limits.max_bright, "white"),
    ):
        if most is not None and share > most:
            text = f"{share:.1%} of the picture is as good as {what}, at most {most:.1%} may be"
            found.append(Reason(code, text))
    if limits.min_sharpness is not None and quality.sharpness < limits.min_sharpness:
        text = f"sharpness is {quality.sharpness:.1f}, at least {limits.min_sharpness:.1f} is needed"
        found.append(Reason("blurred", text))
    return found


def _around(image: Image, region: Region) -> Image:
    """The rectangle around a region, as far as it lies in the picture; the whole picture where nothing does."""
    height, width = image.shape[:2]
    corners = np.array(region.placed((height, width)))
    left, top = np.floor(corners.min(axis=0)).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int)
    part = image[top:bottom, left:right]
    return part if part.size else image
