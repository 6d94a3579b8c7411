"""A picture of a training batch as the network gets it, so that augmentation and labels can be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yolo_tl.data.pictures.drawing import colour, draw_objects, draw_text, text_width
from yolo_tl.data.pictures.pixels import Image
from yolo_tl.data.records import Annotation
from yolo_tl.files import write_bytes

_CELL, _GAP = 320, 8
_TAGGED = 12  # objects of a picture up to which each has its name beside it; the legend has all
_TEXT = 16  # height of the legend's font, px


def draw_batch(batch: Mapping[str, Any], names: Sequence[str], path: Path | str, *, limit: int = 16) -> None:
    """Write the first images of an Ultralytics batch with their boxes and class names, as a grid in a JPEG.

    Args:
        batch: ``img`` (B, 3 or 1, H, W) RGB, uint8 or in [0, 1]; ``bboxes`` (N, 4) x, y, width, height as
            shares; ``cls`` (N, 1); ``batch_idx`` (N,). Tensors on any device.
        names: class names by index.
        path: the file to write, whole.
        limit: most images shown.

    Raises:
        WriteError: the file could not be written.
    """
    import cv2

    pictures = [_picture(image) for image in batch["img"][:limit].detach().cpu().numpy()]
    boxes = batch["bboxes"].detach().cpu().numpy().reshape(-1, 4).astype(float)
    classes = batch["cls"].detach().cpu().numpy().reshape(-1).astype(int)
    owners = batch["batch_idx"].detach().cpu().numpy().reshape(-1).astype(int)
    columns = int(np.ceil(len(pictures) ** 0.5))
    step = _CELL + _GAP
    grid: Any = np.full((-(-len(pictures) // columns) * step + _GAP, columns * step + _GAP, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        objects = [_annotation(box, names[number]) for box, number in zip(boxes, classes, strict=True)]
        own = [item for item, owner in zip(objects, owners, strict=True) if owner == i]
        drawn = draw_objects(picture, own, names, tags=len(own) <= _TAGGED)
        top, left = _GAP + i // columns * step, _GAP + i % columns * step
        grid[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    shown = sorted(set(classes[owners < len(pictures)].tolist()))
    page = np.concatenate([grid, _legend([(names[number], number) for number in shown], grid.shape[1])])
    # Colour at half the resolution, as is usual, would wash out thin lines.
    full = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    write_bytes(path, cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, 90, *full])[1].tobytes())


def _picture(image: Any) -> Image:
    """One image (C, H, W) of the batch as BGR, at the size at which it is shown."""
    import cv2

    pixels = image.transpose(1, 2, 0)
    if pixels.dtype != np.uint8:
        pixels = (np.clip(pixels.astype(np.float32), 0, 1) * 255).round().astype(np.uint8)
    bgr = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_GRAY2BGR)
    scale = _CELL / max(bgr.shape[:2])
    size = max(1, round(bgr.shape[1] * scale)), max(1, round(bgr.shape[0] * scale))
    shown: Image = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return shown


def _annotation(box: Any, name: str) -> Annotation:
    x, y, width, height = box.tolist()
    return Annotation(name, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), "")


def _legend(classes: Sequence[tuple[str, int]], width: int) -> Image:
    """The names of the classes in their colours, in as many lines as they need."""
    places, x, y = [], _GAP, _GAP
    for name, _ in classes:
        needed = text_width(name, _TEXT) + 2 * _TEXT + _GAP
        if x > _GAP and x + needed > width:
            x, y = _GAP, y + _TEXT + _GAP
        places.append((x, y))
        x += needed
    strip: Any = np.full((y + _TEXT + 2 * _GAP if classes else 0, width, 3), 255, np.uint8)
    for (name, number), (left, top) in zip(classes, places, strict=True):
        strip[top : top + _TEXT, left : left + _TEXT] = colour(number)[::-1]
        draw_text(strip, name, (left + _TEXT + _GAP // 2, top + _TEXT - 3), _TEXT, (24, 27, 33))
    legend: Image = strip
    return legend
