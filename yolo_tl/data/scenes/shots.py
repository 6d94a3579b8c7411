"""Which lot, camera and split each picture belongs to: a function of its number alone.

Pictures come in rounds of 15, one of each lot, and in series of 8 rounds, after which new lots begin.
Three products take turns, and so do the splits, by three lots: no lot is in two splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from yolo_tl.data.scenes.chance import Purpose, generator

Product = Literal["cap", "board", "label"]
PRODUCTS: tuple[Product, ...] = ("cap", "board", "label")
LOTS = 15  # at a time
ROUNDS = 8
FEWEST = 9  # three products in three splits
_SPLITS = ("train", "val", "test", "train", "train")  # of three lots each
_GOOD_IN = 5  # one picture of five is without defects
_REPEAT_IN = 24  # one of so many shows what the one before it of its lot shows: the line stood still


@dataclass(frozen=True)
class Shot:
    """One picture to be taken.

    Attributes:
        index: its number, from 0.
        lot: number of the lot, from 1.
        product: what is on it.
        camera: 1 or 2; a third are taken by camera 2.
        split: train, val or test: that of the lot.
        scene: number of the picture whose scene is shown: its own, but for a repeat.
        good: there is no defect.
    """

    index: int
    lot: int
    product: Product
    camera: int
    split: str
    scene: int
    good: bool

    @property
    def name(self) -> str:
        """The name of the picture's file without suffix."""
        return f"cam{self.camera}_lot{self.lot:02d}_{self.index:04d}"


def shot(seed: int, index: int) -> Shot:
    """The picture of number `index`, however many there are."""
    place = index % LOTS
    turn = index // LOTS
    repeats = turn % ROUNDS > 0 and index % _REPEAT_IN == _REPEAT_IN - 1
    scene = index - LOTS if repeats else index
    block, offset = divmod(scene, _GOOD_IN)
    good = int(generator(seed, Purpose.PLAN, block).integers(_GOOD_IN)) == offset
    return Shot(
        index=index,
        lot=turn // ROUNDS * LOTS + place + 1,
        product=PRODUCTS[place % len(PRODUCTS)],
        camera=2 if (place // len(PRODUCTS) + scene // LOTS) % 3 == 1 else 1,
        split=_SPLITS[place // len(PRODUCTS)],
        scene=scene,
        good=good,
    )


@dataclass(frozen=True)
class Drift:
    """How a lot differs from the others of its product.

    Attributes:
        tint: gain of B, G and R.
        texture: strength of the texture, 1 on average.
        light: degrees the light comes from, clockwise from the right.
        exposure: gain of the light.
        dirt: share of dust, 0 to 1.
        choice: fractions from 0 to 1 that choose among colours and designs.
    """

    tint: tuple[float, float, float]
    texture: float
    light: float
    exposure: float
    dirt: float
    choice: tuple[float, float, float]


def drift(seed: int, lot: int) -> Drift:
    """The drift of a lot, the same for every picture of it."""
    rng = generator(seed, Purpose.LOT, lot)
    b, g, r = (1 + rng.normal(0, 0.035, 3)).tolist()
    return Drift(
        tint=(b, g, r),
        texture=float(rng.uniform(0.7, 1.35)),
        light=float(rng.uniform(200, 340)),
        exposure=float(np.exp(rng.normal(0, 0.09))),
        dirt=float(rng.uniform(0, 1)),
        choice=tuple(rng.random(3).tolist()),
    )
