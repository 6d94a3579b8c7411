"""What is likely to go wrong with a plan, said before the time is spent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from yolo_tl.transfer.budget import Budget
from yolo_tl.transfer.facts import DataFacts
from yolo_tl.transfer.network import Network
from yolo_tl.transfer.rules import SMALL_BATCH
from yolo_tl.transfer.stages import Stage

FEW_STEPS = 250
SMALL_PX = 8
FEW_INSTANCES = 10
FEW_VAL_IMAGES = 30


def advise(
    values: Mapping[str, Any], *, data: DataFacts, network: Network, stages: Sequence[Stage], budget: Budget
) -> Iterator[str]:
    """Yield one sentence for each risk found.

    Args:
        values: dotted configuration key → decided value.
        data: counts and box sizes.
        network: the network to be trained.
        stages: what learns when.
        budget: batches and optimizer steps.
    """
    if budget.steps < FEW_STEPS:
        yield (
            f"only {budget.steps} optimizer steps in {values['epochs']} epochs; "
            f"below about {FEW_STEPS} the head hardly trains: more epochs, a smaller batch or a smaller nbs"
        )
    smaller = data.sides.min(1) * values["imgsz"] if len(data.sides) else np.zeros(0)
    if len(smaller) and (share := float((smaller < SMALL_PX).mean())) > 0.01:
        yield f"{share:.0%} of the boxes are under {SMALL_PX} px at imgsz {values['imgsz']}: raise imgsz or tile"
    for name, count in zip(data.names, data.instances["train"], strict=True):
        if count < FEW_INSTANCES:
            yield f"class {name!r} has {count} instances to train on (under {FEW_INSTANCES})"
    for name, count in zip(data.names, data.instances.get("val", ()), strict=False):
        if count == 0:
            yield f"class {name!r} does not occur in val: its score cannot be measured there"
    if (val := data.images.get("val", 0)) < FEW_VAL_IMAGES:
        yield f"{val} val images: differences under several points of mAP are noise"
    mosaic_epochs = values["epochs"] - round(values["augment.close_mosaic"] * values["epochs"])
    if values["augment.mosaic"] > 0 and mosaic_epochs <= 0:
        yield f"mosaic is on but never runs: it is closed for all of the {values['epochs']} epochs"
    if values["batch"] < SMALL_BATCH and any(stage.bn == "train" and stage.freeze.share < 0.5 for stage in stages):
        yield (
            f"batch {values['batch']} is small for BatchNorm statistics (under {SMALL_BATCH}): "
            "bn affine keeps those of the pretraining"
        )
    if not network.pretrained:
        yield f"{network.family} starts from random weights: expect far less than from a pretrained checkpoint"
