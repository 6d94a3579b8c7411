"""Images from a file, a folder, a pattern or a video, one after the other."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

import cv2

from yolo_tl.edge.image import Image, read_image
from yolo_tl.errors import DataNotFound, RuntimeFailure

IMAGES = frozenset({".avif", ".bmp", ".dng", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"})
"""Endings of image files, in small letters."""

_VIDEOS = {".asf", ".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}


def frames(source: Path | str) -> Iterator[tuple[str, Image]]:
    """Every image of `source`, read when it is asked for.

    Args:
        source: an image, a video, a folder (searched with its subfolders; hidden files and
            folders are passed over), or a pattern with ``*``, ``?`` or ``[]``. Files come in
            the order of their paths.

    Yields:
        A label, which is the path and for videos also the 0-based frame (``clip.mp4#12``),
        and the picture (H, W, 3) uint8 BGR.

    Raises:
        DataNotFound: nothing there.
        ImageError: an image cannot be decoded.
        RuntimeFailure: a video cannot be opened, or breaks off before its end.
    """
    for path in files_of(source):
        if path.suffix.lower() in _VIDEOS:
            yield from _video(path)
        else:
            yield str(path), read_image(path)


def files_of(source: Path | str) -> list[Path]:
    """The images and videos of `source`, in the order in which `frames` reads them.

    Raises:
        DataNotFound: nothing there.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        candidates = [
            file for file in path.rglob("*") if not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
    elif glob.has_magic(str(source)):
        candidates = [Path(name) for name in glob.iglob(str(source), recursive=True)]
    else:
        raise DataNotFound(f"{source}: expected an image, a video, a folder or a pattern, found nothing")
    files = sorted(file for file in candidates if file.suffix.lower() in IMAGES | _VIDEOS and file.is_file())
    if not files:
        raise DataNotFound(
            f"{source}: expected images or videos, found none",
            hint=f"known are {' '.join(sorted(IMAGES | _VIDEOS))}",
        )
    return files


def _video(path: Path) -> Iterator[tuple[str, Image]]:
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise RuntimeFailure(
                f"{path}: expected a video, but OpenCV cannot open it",
                hint="the file may be damaged, or its codec unknown; convert it, for example to MP4 with H.264",
            )
        index = 0
        while True:
            good, picture = capture.read()
            if not good:
                break
            yield f"{path}#{index}", picture
            index += 1
        # OpenCV reports a broken frame exactly like the end of the file.
        announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if index < max(announced, 1):
            raise RuntimeFailure(
                f"{path}: expected {announced} frames, but decoding stopped after {index}",
                hint="the file is cut off or damaged, or its header counts wrong; convert it again to be sure",
            )
    finally:
        capture.release()
