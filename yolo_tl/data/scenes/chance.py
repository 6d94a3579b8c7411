"""Random generators that depend on a seed and on what they are for, and on nothing else."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What is drawn with a generator: no two purposes share a stream."""

    TEXTURES = 1
    DESIGN = 2
    LOT = 3
    SCENE = 4
    CAMERA = 5
    PLAN = 6


def generator(seed: int, purpose: Purpose, *key: int) -> np.random.Generator:
    """The generator of one thing, the same in every process and whatever was drawn before."""
    return np.random.default_rng([seed, int(purpose), *key])
