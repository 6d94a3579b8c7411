"""Pictures that are files already, made small enough for a page."""

from __future__ import annotations

from pathlib import Path

from yolo_tl.data.image_size import image_size
from yolo_tl.data.pictures.overview import thumbnail
from yolo_tl.errors import ImageError
from yolo_tl.reporting.markup import picture

_QUALITY = 78


def shrunk(path: Path, alt: str, *, longest: int) -> str:
    """The picture as markup, its longer side at most `longest` px; empty where it is gone or damaged."""
    import cv2

    try:
        width, height = image_size(path)
    except (ImageError, OSError):
        return ""
    small = thumbnail(path, min(width, longest), min(height, longest))
    if small is None:
        return ""
    content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return picture(content, alt, size=(small.shape[1], small.shape[0]))
