"""Whether two images show the same thing from elsewhere: shifted, turned by any angle, cropped, scaled, mirrored.

Points of one image are matched with points of the other (SIFT), the movement that most of them
agree on is undone, and then what both show is compared cell by cell. Parts of another kind on
the same background leave cells that differ; so does a pattern that only repeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.thumbs import read_grey

Floats = NDArray[np.float32]

_SIDE = 384  # px of the longer side, for finding points
_SHRINK = 3  # from there to the picture that is compared
_POINTS = 250  # the strongest
_CONTRAST = 0.02
_AMBIGUOUS = 0.8  # Lowe's ratio: the best match must be this much closer than the next
_MISS = 4.0  # px by which a point may miss
_FEWEST = 10  # points that must agree
_SCALE = 2.0  # at most, either way
_STILL = 0.02  # movement of the corners, as a share of the diagonal, that says nothing new
_OVERLAP = 0.4  # of the smaller image
_CELLS = 6  # each way
_INSIDE = 0.6  # of a cell, to be compared
_FLAT = 0.15  # of the deviation of the whole: less in both pictures shows nothing
_TELLING = 8  # cells that show something: fewer could be any two edges
_ALIKE, _SHARE = 0.5, 0.8  # correlation of a cell, and the share of cells that must reach it

# A SIFT descriptor is 4 rows x 4 columns x 8 directions around a point; this order is that of the mirrored image.
_MIRRORED = np.arange(128).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].ravel()


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is kept of an image to compare it with others; about 45 KB.

    Attributes:
        points: (P, 2) places of its points, px.
        descriptors: (P, 128) uint8, SIFT.
        picture: (H, W) uint8 grey, a third of the size the points are measured in.
    """

    points: Floats
    descriptors: NDArray[np.uint8]
    picture: NDArray[np.uint8]


def sketch(path: Path) -> Sketch | None:
    """The sketch of an image; about 15 ms. None where it cannot be decoded."""
    import cv2

    found = read_grey(path, _SIDE, _SIDE)
    if found is None:
        return None
    grey = found[0]
    height, width = grey.shape
    scale = _SIDE / max(height, width)
    # Whole cells and pixels at both sizes; a sliver still is one.
    small = tuple(max(_CELLS, round(side * scale / _SHRINK)) for side in (width, height))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    grey = cv2.resize(grey, (small[0] * _SHRINK, small[1] * _SHRINK), interpolation=method)
    keypoints, descriptors = cv2.SIFT.create(_POINTS, contrastThreshold=_CONTRAST).detectAndCompute(grey, None)
    points = np.array([point.pt for point in keypoints], np.float32).reshape(-1, 2)
    if descriptors is None:
        descriptors = np.zeros((0, 128))
    return Sketch(points, descriptors.astype(np.uint8), cv2.resize(grey, small, interpolation=cv2.INTER_AREA))


def overlap(a: Sketch, b: Sketch) -> float:
    """How alike (median correlation of the cells, to 1) what both images show is; 0 where they do not overlap.

    Images that lie on one another as they are, or mirrored, count as not overlapping: how alike those are is the
    question of `yolo_tl.data.alignment.likeness`, which can leave out what all images of a set have in common.
    """
    return max(_overlap(a, b), _overlap(_mirrored(a), b))


def _mirrored(a: Sketch) -> Sketch:
    flipped = np.array([_SHRINK * a.picture.shape[1] - 1, 0], np.float32) + a.points * np.array([-1, 1], np.float32)
    return Sketch(flipped, a.descriptors[:, _MIRRORED], np.ascontiguousarray(a.picture[:, ::-1]))


def _overlap(a: Sketch, b: Sketch) -> float:
    import cv2

    movement = _movement(a, b)
    if movement is None or _is_still(movement, a, b):
        return 0.0
    movement[:, 2] += movement[:, :2].sum(axis=1) * (_SHRINK - 1) / 2 - (_SHRINK - 1) / 2  # of centres of larger pixels
    movement[:, 2] /= _SHRINK
    height, width = b.picture.shape
    moved = cv2.warpAffine(a.picture, movement, (width, height), borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones_like(a.picture), movement, (width, height), flags=cv2.INTER_NEAREST) > 0
    area = abs(np.linalg.det(movement[:, :2])) * a.picture.size
    if inside.sum() < _OVERLAP * min(area, b.picture.size):
        return 0.0
    found = _correlations(moved, b.picture, inside)
    if len(found) < _TELLING or (found >= _ALIKE).mean() < _SHARE:
        return 0.0
    return float(np.median(found))


def _movement(a: Sketch, b: Sketch) -> NDArray[np.float64] | None:
    """(2, 3) the movement, turn and scale that lays most points of a on their matches in b."""
    import cv2

    if min(len(a.points), len(b.points)) < _FEWEST:
        return None
    matcher: Any = cv2.BFMatcher(cv2.NORM_L2)
    matches = matcher.knnMatch(a.descriptors.astype(np.float32), b.descriptors.astype(np.float32), k=2)
    clear = [one for one, other in matches if one.distance < _AMBIGUOUS * other.distance]
    if len(clear) < _FEWEST:
        return None
    source = a.points[[match.queryIdx for match in clear]]
    target = b.points[[match.trainIdx for match in clear]]
    movement, agreed = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=_MISS, maxIters=1000
    )
    if movement is None or agreed.sum() < _FEWEST:
        return None
    scale = float(np.hypot(movement[0, 0], movement[1, 0]))
    return np.asarray(movement, np.float64) if 1 / _SCALE <= scale <= _SCALE else None


def _is_still(movement: NDArray[np.float64], a: Sketch, b: Sketch) -> bool:
    (before, after) = (
        np.array([[x, y] for x in (0, width) for y in (0, height)]) * float(_SHRINK)
        for height, width in (a.picture.shape, b.picture.shape)
    )
    travel = np.linalg.norm(before @ movement[:, :2].T + movement[:, 2] - after, axis=1)
    return bool(travel.max() <= _STILL * np.hypot(*b.picture.shape) * _SHRINK)


def _correlations(a: NDArray[np.uint8], b: NDArray[np.uint8], inside: NDArray[np.bool_]) -> Floats:
    """The correlation of each cell in which a or b shows something."""
    import cv2

    x, y = (cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 1) for picture in (a, b))
    least = _FLAT * x[inside].std(), _FLAT * y[inside].std()
    rows, columns = (np.linspace(0, side, _CELLS + 1).astype(int) for side in b.shape)
    found = []
    for top, bottom in pairwise(rows.tolist()):
        for left, right in pairwise(columns.tolist()):
            cell = np.s_[top:bottom, left:right]
            if inside[cell].mean() < _INSIDE:
                continue
            p, q = x[cell][inside[cell]], y[cell][inside[cell]]
            if p.std() < least[0] and q.std() < least[1]:
                continue
            found.append(((p - p.mean()) * (q - q.mean())).mean() / max(p.std() * q.std(), 1e-6))
    return np.array(found, np.float32)
