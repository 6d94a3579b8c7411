"""Predictions of detectors that find a share of the objects, and verdicts made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.evaluation import ImageResult, Predictions
from yolo_tl.evaluation.comparison import compare
from yolo_tl.evaluation.starts import Level, Start
from yolo_tl.evaluation.verdict import Candidate, Verdict

NAMES = ("cat", "dog")


def predictions(skill: float, *, seed: int = 0, images: int = 40) -> Predictions:
    """What a detector says that finds `skill` of the objects; images and objects are always the same."""
    world, chance = np.random.default_rng(0), np.random.default_rng([seed, round(1000 * skill)])
    results = []
    for number in range(images):
        corner = np.array([[0, 0], [100, 0], [0, 100], [100, 100]]) + world.uniform(0, 40, (4, 2))
        boxes = np.hstack([corner, corner + 40]).astype(np.float32)
        kinds = world.integers(0, 2, 4)
        hit = chance.random(4) < skill
        moved = (boxes + np.where(hit, 0, 300)[:, None]).astype(np.float32)
        confidence = chance.uniform(0.2, 0.9, 4).astype(np.float32)
        results.append(ImageResult(f"{number}.png", Detections(moved, confidence, kinds), boxes, kinds))
    return Predictions(tuple(results), NAMES, "val", f"skill {skill}", "data.yaml")


def start(weights: str, score: float) -> Start:
    """Weights with features of such a LogME, where random ones have -0.62 to -0.6."""
    levels = tuple(Level(name, score, 0.1, 1.5) for name in ("backbone/8", "P3", "P4", "P5"))
    return Start(weights, levels, score, (-0.62, -0.6, -0.61))


def made_up_verdict(transfer: float, scratch: float, *, score: float = -0.5) -> Verdict:
    """A verdict on weights that led to a skill of `transfer`, against one of `scratch`."""
    full = Candidate("full-1", "full", "w.pt", "a.yaml", {}, {3: 0.2, 9: 0.4}, "", 90.0, 270.0)
    frozen = Candidate("frozen-1", "frozen", "w.pt", "a.yaml", {}, {3: 0.1}, "0.100 after 3 epochs", 20.0, 180.0)
    scratch_run = Candidate("scratch-1", "scratch", "out/1/a.yaml", "a.yaml", {}, {3: 0.1, 9: 0.3}, "", 90.0, 270.0)
    return Verdict(
        comparison=compare([predictions(transfer)], [predictions(scratch)], called=(full.name, scratch_run.name)),
        transfer=full,
        scratch=scratch_run,
        starts=(start("w.pt", score),),
        candidates=(full, frozen, scratch_run),
        run=Path("out/full-1-seed0"),
        epochs=9,
        full_epochs=27,
        steps=234,
        seeds=(0,),
        cpu_seconds=220.0,
    )
