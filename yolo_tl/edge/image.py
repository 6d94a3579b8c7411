"""Images as the detector wants them: (H, W, 3) uint8, blue-green-red."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import ImageError

Image = NDArray[np.uint8]


def read_image(path: Path | str) -> Image:
    """Read an image file, turned upright by its EXIF orientation.

    The pixels are those that Ultralytics reads: grey becomes three equal channels, alpha is
    dropped, 16 bits become the upper 8, and of a file with several pages the first counts.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        ImageError: the file is missing, or is not an image that OpenCV can decode.
    """
    try:
        # Decoding from memory, because cv2.imread cannot open non-Latin paths on Windows.
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageError(f"{path}: expected an image file: {reason}", hint="check the path") from error
    image = _decode(content, tiff=Path(path).suffix.lower() in {".tif", ".tiff"})
    if image is None:
        raise ImageError(
            f"{path}: expected an image, found {len(content)} bytes that OpenCV cannot decode",
            hint="replace the file, or convert it to PNG or JPEG",
        )
    return image


def as_bgr(image: Any) -> Image:
    """Check one image array, and bring grey (H, W) or (H, W, 1) to (H, W, 3).

    Raises:
        ImageError: not a uint8 array of one of these shapes, or without pixels.
    """
    if not isinstance(image, np.ndarray):
        raise _unfit(f"a {type(image).__name__}", "read files with yolo_tl.edge.read_image")
    if image.dtype != np.uint8:
        raise _unfit(f"dtype {image.dtype}", "scale the values to 0..255 and convert with .astype(numpy.uint8)")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise _unfit(f"shape {image.shape}", "pass one image at a time, channels last, without alpha")
    if not image.size:
        raise _unfit(f"shape {image.shape}, which holds no pixel", "check the crop or the camera")
    if image.ndim == 3 and image.shape[2] == 3:
        return np.ascontiguousarray(image)
    return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)


def _decode(content: NDArray[np.uint8], *, tiff: bool) -> Image | None:
    if not content.size:
        return None
    try:
        if tiff:
            # IMREAD_COLOR maps 16-bit colour TIFF differently from "keep the upper byte".
            _, pages = cv2.imdecodemulti(content, cv2.IMREAD_UNCHANGED)
            if pages and pages[0].ndim == 3:
                return _upper_byte(np.ascontiguousarray(pages[0][..., :3]))
        image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error:  # broken headers are sometimes an error instead of None
        return None
    return None if image is None else _upper_byte(image)


def _upper_byte(image: NDArray[Any]) -> Image:
    return (image >> 8).astype(np.uint8) if image.dtype == np.uint16 else image


def _unfit(found: str, hint: str) -> ImageError:
    return ImageError(f"image: expected a uint8 array (H, W, 3) in BGR order, or grey (H, W), found {found}", hint=hint)
