"""A detector that was made up, on images that were made up: its true scores can be known as closely as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.evaluation import ImageResult

CELL = 100  # px between the upper left corners of neighbouring objects, which never touch
ACROSS = 24


@dataclass(frozen=True)
class Scene:
    """How images come about, and how well a detector does on them.

    Attributes:
        objects: mean number of objects of each class in an image.
        skill: log-odds of finding an object in an image of usual difficulty, by class.
        alarms: mean number of false alarms of each class in an image.
        difficulty: standard deviation, in log-odds, of what the objects of one image share.
        separation: by how much the log-odds of confidence tell hits from false alarms.
        most: detections in an image at most.
    """

    objects: tuple[float, ...]
    skill: tuple[float, ...]
    alarms: tuple[float, ...]
    difficulty: float = 0.8
    separation: float = 2.5
    most: int = 300


def simulate(scene: Scene, images: int, seed: int, *, truth_seed: int | None = None) -> list[ImageResult]:
    """Results of `images` images.

    Args:
        scene: what they show.
        images: how many.
        seed: decides what the detector says.
        truth_seed: decides what is true and how difficult an image is; detectors with one of these and another
            `seed` meet the same images. By default it follows from `seed`.
    """
    chance = np.random.default_rng([seed, 1])
    world = np.random.default_rng([seed if truth_seed is None else truth_seed, 2])
    return [_image(scene, f"{number}.png", world, chance) for number in range(images)]


def _image(scene: Scene, name: str, world: np.random.Generator, chance: np.random.Generator) -> ImageResult:
    classes = len(scene.objects)
    # Images differ in how full they are, too: a negative binomial, not a Poisson number of objects.
    counts = world.poisson(np.array(scene.objects) * world.gamma(4, 1 / 4))
    truth_class = np.repeat(np.arange(classes), counts)
    side = world.choice([20.0, 45.0, 90.0], len(truth_class))
    truth = _boxes(np.arange(len(truth_class)), side)
    ease = world.normal(0, scene.difficulty)
    found = np.flatnonzero(chance.random(len(truth)) < _share(np.array(scene.skill)[truth_class] + ease))
    quality = chance.beta(8, 2, len(found))  # IoU
    hits = truth[found].copy()
    hits[:, [0, 2]] += (side[found] * (1 - quality) / (1 + quality))[:, None]
    alarm_class = np.repeat(np.arange(classes), chance.poisson(scene.alarms))[: scene.most - len(found)]
    alarms = _boxes(ACROSS**2 - 1 - np.arange(len(alarm_class)), chance.choice([20.0, 45.0, 90.0], len(alarm_class)))
    # Of hits, those that fit better tend to have more confidence, and so do all in an easy image.
    sure = scene.separation * (2 * quality - 1) + 0.5 * ease + chance.normal(0, 1, len(found))
    unsure = -scene.separation + 0.5 * ease + chance.normal(0, 1.2, len(alarm_class))
    return ImageResult(
        name,
        Detections(
            np.concatenate([hits, alarms]).astype(np.float32),
            _share(np.concatenate([sure, unsure])).astype(np.float32),
            np.concatenate([truth_class[found], alarm_class]),
        ),
        truth.astype(np.float32),
        truth_class,
    )


def _boxes(cells: Sequence[int] | np.ndarray, side: np.ndarray) -> np.ndarray:
    """Squares in cells of a grid."""
    corner = CELL * np.stack([np.asarray(cells) % ACROSS, np.asarray(cells) // ACROSS], 1).astype(float)
    return np.hstack([corner, corner + side[:, None]])


def _share(log_odds: np.ndarray) -> np.ndarray:
    share: np.ndarray = 1 / (1 + np.exp(-log_odds))
    return share
