"""Decoded images: upright, and a digest of what they show."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import ImageError

Image = NDArray[np.uint8]


def read_pixels(path: Path) -> Image:
    """An image (H, W, 3) uint8 BGR, upright by its EXIF orientation, as training sees it.

    Raises:
        ImageError: the file is missing, or is not an image.
    """
    import cv2

    try:
        content = np.fromfile(path, np.uint8)  # cv2.imread cannot open every name on every system
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise ImageError(f"{path}: expected an image, found a file that cannot be decoded")
    pixels: Image = image
    return pixels


def pixel_digest(path: Path) -> str:
    """SHA-256, in hexadecimal, of the shape and the pixels of an image; the file format does not show.

    Raises:
        ImageError: the file is missing, or is not an image.
    """
    pixels = read_pixels(path)
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def pixel_digests(paths: Sequence[Path], *, workers: int = 0) -> Iterator[str]:
    """The digest of each image, in order.

    Args:
        paths: the images.
        workers: threads, which decode side by side because OpenCV and hashing let go of the
            interpreter lock; 0 takes one for each core.

    Raises:
        ImageError: an image is missing, or is not an image.
    """
    count = workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
    with ThreadPoolExecutor(count) as pool:
        yield from pool.map(pixel_digest, paths)
