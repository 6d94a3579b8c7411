"""Optimizer steps: what a number of images, a batch size and a number of epochs come to.

Ultralytics accumulates gradients until `nbs` (64) images were seen. 205 images in batches
of 16 then make about three steps an epoch, so a short run on few images hardly trains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Budget:
    """How many steps a run takes.

    Attributes:
        batches: batches per epoch.
        accumulate: batches per optimizer step, once warmed up.
        warmup: batches of warm-up.
        steps: optimizer steps in all.
    """

    batches: int
    accumulate: int
    warmup: int
    steps: int


def budget(*, images: int, batch: int, nbs: int, epochs: int, warmup_epochs: float) -> Budget:
    """Count the optimizer steps of a run exactly, as the loop of Ultralytics 8.4 takes them.

    Accumulation rises from 1 to ``nbs / batch`` during warm-up, and a step is taken when that
    many batches have passed since the last.

    >>> budget(images=205, batch=16, nbs=64, epochs=20, warmup_epochs=3).steps
    74
    """
    batches = math.ceil(images / batch)
    accumulate = min(max(round(nbs / batch), 1), batches * epochs)
    warmup = round(min(warmup_epochs, epochs - 1) * batches)
    steps, last, needed = 0, -1, accumulate
    for i in range(batches * epochs):
        if warmup and i <= warmup:
            needed = max(1, int(np.interp(i, [0, warmup], [1, accumulate]).round()))
        if i - last >= needed:
            steps, last = steps + 1, i
    return Budget(batches, accumulate, warmup, steps)
