from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.evaluation import ImageResult

Sampler = Callable[..., list[ImageResult]]


@pytest.fixture(scope="session")
def sample() -> Sampler:
    """A maker of random results: jittered copies of the truths, and detections of nothing."""
    return _sample


def _sample(
    seed: int,
    *,
    images: int = 12,
    classes: int = 3,
    truths: int = 5,
    detections: int = 12,
    noise: float = 0.15,
    grid: int = 0,
    truth_seed: int | None = None,
) -> list[ImageResult]:
    """`grid` rounds the boxes to whole steps, which makes equal IoUs; no two confidences are equal."""
    rng = np.random.default_rng(seed)
    scene = np.random.default_rng(seed if truth_seed is None else truth_seed)
    levels = rng.permutation(images * detections) + 1.0
    confidence = np.split((levels / len(levels)).astype(np.float32), images)
    results = []
    for index in range(images):
        truth_class = scene.integers(0, classes, scene.integers(0, truths + 1))
        centre, size = scene.uniform(20, 300, (len(truth_class), 2)), scene.uniform(20, 60, (len(truth_class), 2))
        truth = np.hstack([centre - size / 2, centre + size / 2])
        count = int(rng.integers(0, detections + 1))
        if len(truth):
            of = rng.integers(0, len(truth), count)
            boxes = (
                truth[of] + rng.normal(size=(count, 4)) * rng.exponential(noise, (count, 1)) * size[of][:, [0, 1] * 2]
            )
            guess = np.where(rng.random(count) < 0.8, truth_class[of], rng.integers(0, classes, count))
        else:
            corner = rng.uniform(0, 200, (count, 2))
            boxes, guess = np.hstack([corner, corner + 40]), rng.integers(0, classes, count)
        if grid:
            truth, boxes = np.round(truth / grid) * grid, np.round(boxes / grid) * grid
        results.append(
            ImageResult(
                f"{index}.png",
                Detections(boxes.astype(np.float32), confidence[index][:count], guess.astype(np.int64)),
                truth.astype(np.float32),
                truth_class.astype(np.int64),
            )
        )
    return results
