"""How often each training image is shown, so that rare classes are seen more often.

Repeat-factor sampling of Gupta, Dollár, Girshick, "LVIS: A Dataset for Large Vocabulary Instance
Segmentation", CVPR 2019 (arXiv:1908.03195), appendix B.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Factors = NDArray[np.float64]


def repeat_factors(
    class_ids: ArrayLike, image_index: ArrayLike, *, images: int, classes: int, threshold: float
) -> Factors:
    """The repeat factor (N,) of each image: the largest ``max(1, sqrt(threshold / f_c))`` of its classes.

    ``f_c`` is the share of the images that show class ``c``. Backgrounds count among the images
    and have the factor 1; with a threshold of 0 every image has.

    Args:
        class_ids: (M,) class of each box.
        image_index: (M,) image of each box.
        images: number N of images.
        classes: number of classes.
        threshold: classes in a smaller share of the images than this are repeated; 0 to 1.

    >>> repeat_factors([0, 0, 0, 1], [0, 1, 2, 2], images=4, classes=2, threshold=1.0).round(3).tolist()
    [1.155, 1.155, 2.0, 1.0]
    """
    ids, owners = np.asarray(class_ids, dtype=np.int64), np.asarray(image_index, dtype=np.int64)
    shows = np.zeros((images, classes), dtype=bool)
    shows[owners, ids] = True
    showing = np.maximum(shows.sum(0), 1)  # a class that no image shows has no say below
    factors: Factors = np.where(shows, np.sqrt(threshold * images / showing), 1.0).max(1, initial=1.0)
    return factors


def repeats(factors: ArrayLike, *, seed: int) -> NDArray[np.int64]:
    """Whole numbers (N,), each a factor rounded down or up, whose sum is within 1 of the sum of the factors.

    Which are rounded up is decided by systematic resampling: every image's expected number, over
    seeds, is its factor, without the scatter of rounding each by itself. The images are shuffled
    first, because neighbours often are alike. Factors of 1 or more give numbers of 1 or more.

    >>> int(repeats([1.25] * 8, seed=0).sum())
    10
    """
    values = np.asarray(factors, dtype=np.float64)
    whole = np.floor(values)
    rng = np.random.default_rng(seed)
    order, start = rng.permutation(len(values)), rng.random()
    # One tick in every unit of the laid-out fractions: an image gets one more where a tick falls on it.
    ticks = np.floor(np.cumsum((values - whole)[order]) - start)
    numbers = whole.astype(np.int64)
    numbers[order] += np.diff(ticks, prepend=np.floor(-start)).astype(np.int64)
    return numbers
