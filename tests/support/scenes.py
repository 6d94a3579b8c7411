"""Pictures that look like something, and the copies that training sets are full of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
COPIES = ("jpeg", "small", "bright", "flat", "flip", "crop", "turned", "noisy")


def scene(seed: int, width: int = 320, height: int = 240) -> Image:
    """Coarse light, texture and a dozen shapes; no two seeds look alike."""
    rng = np.random.default_rng(seed)
    picture = cv2.resize(rng.uniform(30, 200, (5, 6, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    picture += cv2.resize(rng.normal(0, 14, (height // 4, width // 4, 3)), (width, height))
    canvas = picture.clip(0, 255).astype(np.uint8)
    for _ in range(12):
        x, y, r = rng.integers(0, width), rng.integers(0, height), rng.integers(8, 36)
        colour = rng.integers(0, 256, 3).tolist()
        if rng.random() < 0.5:
            cv2.circle(canvas, (int(x), int(y)), int(r), colour, -1)
        else:
            cv2.rectangle(canvas, (int(x), int(y)), (int(x + r), int(y + r)), colour, -1)
    return canvas


def copy(picture: Image, how: str, rng: np.random.Generator) -> Image:
    """What augmentation and re-saving make of a picture."""
    height, width = picture.shape[:2]
    if how == "small":
        return cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    if how == "bright":
        return cv2.convertScaleAbs(picture, alpha=1.2, beta=20)
    if how == "flat":
        return cv2.convertScaleAbs(picture, alpha=0.6, beta=30)
    if how == "flip":
        return np.ascontiguousarray(picture[:, ::-1])
    if how == "crop":
        left, right, top, bottom = (rng.uniform(0, 0.05, 4) * (width, width, height, height)).astype(int)
        return np.ascontiguousarray(picture[top : height - bottom, left : width - right])
    if how == "turned":
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-3, 3), 1)
        return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    if how == "noisy":
        return (picture + rng.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)


def video(seed: int, frames: int, width: int = 320, height: int = 240) -> Iterator[Image]:
    """A camera that pans over a scene by 1 % a frame."""
    step = max(2, width // 100)
    wide = scene(seed, width + step * frames, height)
    rng = np.random.default_rng(seed)
    for i in range(frames):
        frame = wide[:, i * step : i * step + width]
        yield (frame + rng.normal(0, 3, frame.shape)).clip(0, 255).astype(np.uint8)


def save(path: Path, picture: Image, quality: int = 90) -> Path:
    """Write a picture in the format its suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    return path
