"""A network that finds what is drawn, to the pixel, and drawings for it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from yolo_tl.edge import Detector
from yolo_tl.edge.artifact import Artifact
from yolo_tl.edge.network import NetworkInfo, Outputs
from yolo_tl.edge.pipeline import Pipeline

NAMES = ("red", "green", "blue")


class Sight:
    """A network that finds every patch of pure red, green or blue, to the pixel; it counts what it is asked."""

    def __init__(self, *, batch: int | None = None, imgsz: int = 128, most: int = 50) -> None:
        self.path = Path("sight")
        self.info = NetworkInfo("detect", NAMES, "nms-free", (imgsz, imgsz), batch=batch)
        self.most, self.asked = most, []

    def run(self, tensor: np.ndarray) -> Outputs:
        self.asked.append(tensor.shape)
        output = np.zeros((len(tensor), self.most, 6), np.float32)
        for found, image in zip(output, tensor, strict=True):
            rows = [row for number in range(3) for row in self._patches(image, number)]
            rows.sort(key=lambda row: -row[4])
            for place, row in enumerate(rows[: self.most]):
                found[place] = row
        return (output,)

    def _patches(self, image: np.ndarray, number: int) -> list[list[float]]:
        dark = np.delete(image, number, axis=0).max(axis=0) == 0
        count, _, stats, _ = cv2.connectedComponentsWithStats((dark & (image[number] > 0)).astype(np.uint8))
        return [[x, y, x + w, y + h, float(image[number, y, x]), number] for x, y, w, h, _ in stats[1:count].tolist()]


def seeing(**options) -> Detector:
    return Detector(Artifact(Path("sight"), Pipeline(Sight(**options))))


def drawing(height: int, width: int, seed: int = 0, largest: int = 60) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """A grey image with patches that do not touch, and their corners and classes; some go across several tiles."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 200, np.uint8)
    planted = []
    taken = np.zeros((height, width), np.bool_)
    for i in range(600):
        tall, wide = rng.integers(2, largest if i else 200, 2)
        top, left = rng.integers(0, height - tall), rng.integers(0, width - wide)
        if taken[max(top - 1, 0) : top + tall + 1, max(left - 1, 0) : left + wide + 1].any():
            continue
        number = int(rng.integers(0, 3))
        colour = [0, 0, 0]
        colour[2 - number] = int(rng.integers(100, 256))
        image[top : top + tall, left : left + wide] = colour
        taken[top : top + tall, left : left + wide] = True
        planted.append((int(left), int(top), int(left + wide), int(top + tall), number))
    return image, sorted(planted)
