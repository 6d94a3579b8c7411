"""Looking at weights before any training: their features on labelled boxes, beside those of random networks."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np

from yolo_tl.data.dataset import Dataset
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.features import ChosenBoxes, box_features, choose_boxes, random_network
from yolo_tl.engine.weights import find_weights
from yolo_tl.evaluation.starts import Level, Start
from yolo_tl.evaluation.transferability import h_score, logme, standardised

RANDOM = 3  # networks with random weights to compare with


def assess(
    weights: Sequence[str], dataset: Dataset, *, imgsz: int, device: str, trust: bool = False
) -> tuple[Start, ...]:
    """Look at each checkpoint, in the order given: all see the same boxes of train.

    Args:
        weights: paths or names of checkpoints.
        dataset: the data.
        imgsz: side of the square input, px.
        device: ``cpu`` or a CUDA index.
        trust: load a checkpoint that asks for foreign classes.

    Raises:
        DataError: train has no labelled box.
    """
    boxes = choose_boxes(dataset.split("train"))
    found: list[Start] = []
    references: dict[str, tuple[float, ...]] = {}
    for name in weights:
        module = load_checkpoint(find_weights(name), trust=trust)
        layers = layers_of(module)
        if layers not in references:
            networks = (random_network(module, seed=seed) for seed in range(RANDOM))
            references[layers] = tuple(_score(_levels(n, boxes, imgsz=imgsz, device=device)) for n in networks)
        levels = _levels(module, boxes, imgsz=imgsz, device=device)
        found.append(Start(name, levels, _score(levels), references[layers]))
    return tuple(found)


def layers_of(module: Any) -> str:
    """What networks of one architecture have in common."""
    return str([module.yaml["backbone"], module.yaml["head"], module.yaml.get("scale")])


def _levels(module: Any, boxes: ChosenBoxes, *, imgsz: int, device: str) -> tuple[Level, ...]:
    found = []
    objects = ~boxes.background
    several = len(set(boxes.labels[objects].tolist())) > 1
    for name, values in box_features(module, boxes, imgsz=imgsz, device=device).items():
        features = standardised(values)
        classes = logme(standardised(values[objects]), boxes.labels[objects]) if several else None
        found.append(
            Level(name, logme(features, boxes.background.astype(np.int64)), classes, h_score(features, boxes.labels))
        )
    return tuple(found)


def _score(levels: Sequence[Level]) -> float:
    return fmean(level.objects for level in levels if level.name.startswith("P"))
