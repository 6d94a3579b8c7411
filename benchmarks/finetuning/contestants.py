"""Who runs in the fine-tuning benchmark, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yolo_tl.presets import presets

EPOCHS = 20
BATCH = 16  # of `yolo train` by default; the recipes plan their own

SLIDES = "small-data on slides"
STAGED = ("lp-ft", "gradual", "discriminative")
STAGED_LABELS = (25, 50, 100)

# Training images → epochs: about nine tenths of the images that B0 sees in 20 epochs of BCCD, fewer for the smallest;
# and what the processor time of B0 on BCCD allows on slides.
LABEL_EPOCHS = {100: 36, 50: 72, 25: 130, 10: 250, 5: 400}
SLIDES_EPOCHS = {50: 115, 25: 200, 10: 450, 5: 800}


@dataclass(frozen=True)
class Contestant:
    """One way to train.

    Attributes:
        name: as in the tables and for ``--only``.
        preset: the recipe; None is ``yolo train`` itself.
        epochs: how long.
        overrides: configuration keys to values, stronger than the recipe.
        labels: training images; None is all of them.
        seeds: those it runs with, of those asked for; None is all of them.
        corrupted: whether it is scored on the corrupted copies of val, too.
        scratch: whether it starts from random weights in the architecture of the checkpoint.
        data: how the names of the data sets begin that it is meant for; None: any.
    """

    name: str
    preset: str | None
    epochs: int = EPOCHS
    overrides: Mapping[str, Any] = field(default_factory=dict)
    labels: int | None = None
    seeds: tuple[int, ...] | None = None
    corrupted: bool = False
    scratch: bool = False
    data: str | None = None


PEER = Contestant("yolo train", None, overrides={"batch": BATCH}, seeds=(0,))
B0 = Contestant("B0", "plain", overrides={"batch": BATCH})
B1 = Contestant("B1", "plain", overrides={"batch": BATCH, "nbs": BATCH})
B0_LONG = Contestant("B0@100", "plain", 100, overrides={"batch": BATCH}, seeds=(0,))

# small-data, as long as fits into the processor time of B0, a quarter of it, half of it, and a third of that of B0@100
BUDGET = (
    Contestant("small-data whole", "small-data", 34),
    Contestant("small-data quarter", "small-data", 6),
    Contestant("small-data half", "small-data", 14),
    Contestant("small-data long", "small-data", 58, seeds=(0,)),
)


def recipes() -> tuple[Contestant, ...]:
    """Every recipe there is, as long as B0; `plain` is B0 itself."""
    names = [name for name in presets("train") if name != B0.preset]
    return tuple(Contestant(name, name, scratch=name == "scratch") for name in names)


def labelled(name: str, images: int) -> str:
    """What a contestant is called when it trains on so many images."""
    return f"{name} {images} labels"


def few_labels() -> tuple[Contestant, ...]:
    """small-data at every number of labels, with what is known of slides and without.

    B1 and the staged recipes at some of them, where corrupted images count, too.
    """
    found = [
        Contestant(labelled("small-data", n), "small-data", epochs, labels=n, corrupted=n in STAGED_LABELS)
        for n, epochs in LABEL_EPOCHS.items()
    ]
    slides = {"augment.pipeline": "microscope"}
    found += [
        Contestant(labelled(SLIDES, n), "small-data", epochs, slides, labels=n, data="bccd")
        for n, epochs in SLIDES_EPOCHS.items()
    ]
    for n in STAGED_LABELS:
        epochs = LABEL_EPOCHS[n]
        # As many validations as B0 has. One an epoch would take as long as the training of so few images.
        overrides = {**B1.overrides, "val_every": max(epochs // EPOCHS, 1)}
        found.append(Contestant(labelled("B1", n), B1.preset, epochs, overrides, labels=n, corrupted=True))
        found += [Contestant(labelled(name, n), name, epochs, labels=n, corrupted=True) for name in STAGED]
    return tuple(found)


def contestants() -> tuple[Contestant, ...]:
    """All of them, in the order in which they take turns."""
    return (PEER, B0, B1, *recipes(), *BUDGET, *few_labels(), B0_LONG)
