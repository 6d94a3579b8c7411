"""Images as the detector wants them: (H, W, 3) uint8, blue-green-red."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.image_header import FORMATS, stored_size
from yolo_tl.errors import ImageError

Image = NDArray[np.uint8]


MAX_PIXELS = 1 << 27
"""Most pixels of an image unless more are allowed; decoded they take 400 MB."""


def read_image(path: Path | str, *, limit: int = MAX_PIXELS) -> Image:
    """Read an image file, turned upright by its EXIF orientation.

    The pixels are those that Ultralytics reads: grey becomes three equal channels, alpha is
    dropped, 16 bits become the upper 8, and of a file with several pages the first counts.

    Args:
        path: the file, of a format of `decode_image`, or AVIF.
        limit: most pixels that it may have.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        ImageError: the file is missing, is not an image that OpenCV can decode, or has more pixels.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{path}: expected an image file: {reason}", hint="check the path") from error
    try:
        # The sizes that an AVIF file states do not bind its decoder: it is only opened where its name says so.
        avif = Path(path).suffix.lower() == ".avif" and content[4:8] == b"ftyp"
        return _whole(content) if avif else decode_image(content, limit=limit)
    except ImageError as error:
        raise ImageError(f"{path}: {error.message}", hint=error.hint) from error


def decode_image(content: bytes, *, limit: int = MAX_PIXELS) -> Image:
    """Decode an image from memory, as `read_image` does, without trusting it.

    Its size is read from its header, and compared with `limit` before anything is allocated for pixels.

    Args:
        content: of a PNG, JPEG, BMP, WebP, TIFF, GIF (its first picture), JPEG 2000 or PNM file.
        limit: most pixels that it may have.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        ImageError: it is cut off, damaged, of another format, or larger.
    """
    size = stored_size(content)
    if size is None:
        raise ImageError(
            f"expected an image, found {len(content)} bytes that are none of {', '.join(FORMATS)}",
            hint="replace the file, or convert it to PNG or JPEG",
        )
    height, width = size
    if height * width > limit:
        raise ImageError(
            f"expected an image of at most {limit:,} pixels, found one of {width} x {height}",
            hint="cut it into tiles, make it smaller, or raise the limit",
        )
    return _whole(content)


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


def _whole(content: bytes) -> Image:
    """The first picture of a file whose size is known to be bearable."""
    buffer = np.frombuffer(content, np.uint8)
    image: NDArray[Any] | None = None
    try:
        if content[:2] in (b"II", b"MM"):
            # IMREAD_COLOR maps 16-bit colour TIFF differently from "keep the upper byte".
            _, pages = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED, range=(0, 1))
            if pages and pages[0].ndim == 3 and pages[0].shape[2] >= 3:
                image = np.ascontiguousarray(pages[0][..., :3])
        if image is None:
            image = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError):  # broken headers are sometimes an error instead of None
        image = None
    if image is None or not image.size:
        raise ImageError(
            f"expected an image, found {len(content)} bytes that OpenCV cannot decode",
            hint="the file may be damaged or cut off; replace it, or convert it to PNG or JPEG",
        )
    image = _upper_byte(image)
    if image.dtype != np.uint8:
        raise ImageError(
            f"expected an image of 8 or 16 bits a channel, found {image.dtype}", hint="convert it to PNG or JPEG"
        )
    return image


def _upper_byte(image: NDArray[Any]) -> NDArray[Any]:
    return (image >> 8).astype(np.uint8) if image.dtype == np.uint16 else image


def _unfit(found: str, hint: str) -> ImageError:
    return ImageError(f"image: expected a uint8 array (H, W, 3) in BGR order, or grey (H, W), found {found}", hint=hint)
