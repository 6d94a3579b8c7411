"""One picture of the source set, and the whole set in the layout that Ultralytics trains on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from parts.looks import applied, clouds, ground
from parts.shapes import SHAPES
from yolo_tl.boxes import iou_matrix
from yolo_tl.data.scenes.outline import covered
from yolo_tl.files import write_text

Labels = list[tuple[int, float, float, float, float]]  # class, then centre and size as shares of the picture
_MOST, _TRIES = 7, 8
_SMALLEST, _LARGEST = 0.09, 0.6  # of the side
_FAINTEST = 12.0  # grey levels that a part changes in the mean


def picture(seed: int, index: int, size: int) -> tuple[NDArray[np.uint8], Labels]:
    """A picture (size, size, 3) BGR and its labels; the same arguments give the same.

    Args:
        seed: of the set.
        index: number of the picture.
        size: side, px.
    """
    rng = np.random.default_rng([seed, index])
    image = ground(rng, size)
    light = float(rng.uniform(0, 2 * np.pi))
    boxes: list[tuple[float, float, float, float]] = []
    labels: Labels = []
    for _ in range(int(rng.integers(_MOST + 1))):
        for _ in range(_TRIES):
            number = int(rng.integers(len(SHAPES)))
            outline, holes = list(SHAPES.values())[number](rng)
            reach = float(np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST)))) * size
            matrix, shift = _placed(rng, reach, size)
            patch = covered(outline @ matrix + shift, size, size)
            if patch is None:
                continue
            x1, y1, x2, y2 = patch.extent
            if min(x2 - x1, y2 - y1) < 4 or (boxes and iou_matrix([(x1, y1, x2, y2)], boxes).max() > 0.05):
                continue
            left, top, right, bottom = patch.box
            alpha = patch.alpha.astype(np.float32) / 255
            for hole in holes:
                inner = covered(hole @ matrix + shift, size, size)
                if inner is not None:
                    a, b, c, d = inner.box
                    alpha[b - top : d - top, a - left : c - left] *= 1 - inner.alpha.astype(np.float32) / 255
            under = image[top:bottom, left:right]
            over = applied(rng, under, alpha, light)
            if float((np.abs(over - under).mean(axis=2) * alpha).sum() / max(1.0, float(alpha.sum()))) < _FAINTEST:
                continue
            image[top:bottom, left:right] = over
            boxes.append((x1, y1, x2, y2))
            labels.append((number, (x1 + x2) / 2 / size, (y1 + y2) / 2 / size, (x2 - x1) / size, (y2 - y1) / size))
            break
    return _taken(rng, image), labels


def _placed(rng: np.random.Generator, reach: float, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Any turn, a little flattened and sheared, anywhere."""
    turn, lean = rng.uniform(0, 2 * np.pi, 2)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    other = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    matrix = rotation @ np.diag([1.0, rng.uniform(0.65, 1.0)]) @ other * (reach / 2)
    return matrix, rng.uniform(0.05, 0.95, 2) * size


def _taken(rng: np.random.Generator, image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Uneven light, a lens that blurs, and a sensor that is noisy."""
    size = len(image)
    field = 1 + clouds(rng, size, 0.3) * rng.uniform(0, 0.15)
    image = cv2.GaussianBlur(image * field[..., None].astype(np.float32), (0, 0), float(rng.uniform(0.3, 1.1)))
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0.5, 6))
    return (image * np.float32(rng.uniform(0.75, 1.25)) + noise).clip(0, 255).astype(np.uint8)


def write_set(out: Path, *, train: int, val: int, size: int, seed: int = 0) -> Path:
    """Draw the set into a folder; returns its ``data.yaml``."""
    for split, first, count in (("train", 0, train), ("val", 10_000_000, val)):
        images, labels = out / "images" / split, out / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for i in range(count):
            image, found = picture(seed, first + i, size)
            cv2.imwrite(str(images / f"{i:05d}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, int(80 + i % 16)])
            write_text(
                labels / f"{i:05d}.txt", "".join(f"{c} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for c, x, y, w, h in found)
            )
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(SHAPES))
    write_text(out / "data.yaml", f"path: .\ntrain: images/train\nval: images/val\nnames:\n{names}")
    return out / "data.yaml"
