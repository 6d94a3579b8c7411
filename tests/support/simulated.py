"""Predictions of a detector that does not exist, on images that do: near misses, wrong classes, false alarms."""

from __future__ import annotations

import numpy as np

from yolo_tl.boxes import Detections, xywh_to_xyxy
from yolo_tl.data.dataset import Dataset
from yolo_tl.evaluation import ImageResult, Predictions

RATIO, PAD = 0.5, (4.0, 2.0)  # of the frame that the boxes are in, so that a page that forgets it is wrong


def simulated(dataset: Dataset, split: str = "train", *, seed: int = 0, skill: float = 0.8) -> Predictions:
    """What a detector of some `skill` might say of a split; no two confidences are equal."""
    rng = np.random.default_rng(seed)
    images = dataset.split(split)
    results = []
    for i, path in enumerate(images.images):
        own = images.image_index == i
        size = np.tile(images.image_sizes[i], 2)
        truth = xywh_to_xyxy(images.boxes[own] * size) * RATIO + np.tile(PAD, 2)
        kinds = images.class_ids[own].astype(np.int64)
        sides = np.tile(truth[:, 2:] - truth[:, :2], 2)
        found = rng.random(len(truth)) < skill
        boxes, said = truth[found] + rng.normal(0, 0.08, (found.sum(), 4)) * sides[found], kinds[found]
        said = np.where(rng.random(len(said)) < 0.1, (said + 1) % len(dataset.names), said)
        spread = rng.uniform(0.3, 0.99, len(said))
        alarms = rng.integers(1, 9)
        corner = rng.uniform(0, 0.7, (alarms, 2)) * size[:2] * RATIO
        boxes = np.concatenate([boxes, np.hstack([corner, corner + rng.uniform(5, 15, (alarms, 2))])])
        confidence = np.concatenate([spread, rng.beta(1, 4, alarms)])
        said = np.concatenate([said, rng.integers(0, len(dataset.names), alarms)])
        detections = Detections(boxes.astype(np.float32), confidence.astype(np.float32), said)
        results.append(ImageResult(str(path), detections, truth.astype(np.float32), kinds, ratio=RATIO, pad=PAD))
    return Predictions(tuple(results), dataset.names, split, model="simulated", data=str(dataset.data))
