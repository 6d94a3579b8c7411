"""PNG files that are small enough for the first page of a project."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

LIMIT = 250_000  # bytes


def save(picture: bytes | NDArray[np.uint8], path: Path) -> None:
    """Write a picture as PNG of at most `LIMIT` bytes.

    What is too large gets a palette of 256 colours, then of 128, and then a tenth of its sides goes until it fits. The
    palette is an octree's: others merge the few pixels of a thin box with what lies around it.

    Args:
        picture: PNG bytes, or (H, W, 3) uint8 BGR.
        path: where to.
    """
    if isinstance(picture, bytes):
        picture = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    image = Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    while True:
        for colours in (None, 256, 128):
            content = BytesIO()
            fewer = image if colours is None else image.quantize(colours, Image.Quantize.FASTOCTREE)
            fewer.save(content, "PNG", optimize=True)
            if content.tell() <= LIMIT:
                path.write_bytes(content.getvalue())
                return
        size = (round(image.width * 0.9), round(image.height * 0.9))
        image = image.resize(size, Image.Resampling.LANCZOS)
