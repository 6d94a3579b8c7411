"""What is decided when the user leaves it open, each value with its reason.

Two sets of rules. `ultralytics_rules` are those of ``yolo train`` 8.4 (``optimizer=auto``,
nominal batch 64, three warm-up epochs, ten epochs without mosaic), made explicit so that a
run can be compared with them. `step_rules` start from the number of optimizer steps that
the data allows, because on few images the former take too few of them to train at all.
"""

from __future__ import annotations

import math
from typing import Any

from yolo_tl.config import TrainConfig
from yolo_tl.transfer.facts import DeviceFacts

Rule = tuple[Any, str]  # a value and the reason for it

NOMINAL_BATCH = 64
MUSGD_ABOVE = 10_000
LARGE_BATCH = 16  # fine-tuning gains nothing from more
SMALL_BATCH = 8  # below it, batch statistics are too noisy (Wu & He 2018, fig. 1)
VAL_SHARE = 0.05  # of the time of a run that validation may take


def adamw_rate(classes: int) -> float:
    """Ultralytics' fitted AdamW learning rate for a number of classes, ``0.002 · 5 / (4 + nc)``.

    >>> adamw_rate(3)
    0.001429
    """
    return round(0.002 * 5 / (4 + classes), 6)


def ultralytics_rules(config: TrainConfig, *, images: int, classes: int) -> dict[str, Rule]:
    """The defaults of ``yolo train`` for a data set, made explicit (engine/trainer.py of Ultralytics 8.4)."""
    nbs = config.nbs or NOMINAL_BATCH
    iterations = math.ceil(images / max(int(config.batch), nbs)) * config.epochs
    optimizer = config.optimizer or ("MuSGD" if iterations > MUSGD_ABOVE else "AdamW")
    why = f"optimizer=auto of Ultralytics: {iterations} iterations, {classes} classes"
    return {
        "optimizer": (optimizer, why),
        "nbs": (NOMINAL_BATCH, "Ultralytics default"),
        "warmup": (3.0, "Ultralytics default"),
        "augment.close_mosaic": (min(10, config.epochs) / config.epochs, "Ultralytics default: the last 10 epochs"),
        "ema_window": (None, "Ultralytics default: decay 0.9999, rising over 2000 steps"),
        "val_every": (1, "Ultralytics default"),
        "patience": (100, "Ultralytics default"),
        **_rates(optimizer, classes),
    }


def step_rules(config: TrainConfig, *, images: int, val_images: int, classes: int) -> dict[str, Rule]:
    """Values scaled to the optimizer steps that `images` and `config.epochs` allow."""
    optimizer = config.optimizer or "MuSGD"
    return {
        "optimizer": (optimizer, "learns more per step than AdamW, which counts when steps are few"),
        "nbs": _nominal_batch(config, images=images),
        "warmup": (round(min(3.0, config.epochs / 10), 2), "a tenth of the run, at most 3 epochs"),
        "augment.close_mosaic": (0.15, "the last 15 % of the run see whole images"),
        "ema_window": (
            round(min(2.5, config.epochs / 10), 2),
            "a tenth of the run, at most 2.5 epochs; Ultralytics' average of 2000 steps never forms on few images",
        ),
        "val_every": _val_every(config, images=images, val_images=val_images),
        "patience": (config.epochs, "the rate falls until the end, and most is gained there"),
        **_rates(optimizer, classes),
    }


def batch_rule(config: TrainConfig, *, images: int, device: DeviceFacts) -> Rule:
    """Images per forward pass: as many as still allow `min_steps` steps, at least 8, at most what fits the device."""
    if config.schedule == "ultralytics":
        return _shared_out(16, device), "Ultralytics default"
    batch = min(device.batch or LARGE_BATCH, LARGE_BATCH)
    while batch > SMALL_BATCH and math.ceil(images / batch) * config.epochs < config.min_steps:
        batch //= 2
    fits = f", {device.batch} fit the memory" if device.batch else ""
    reason = f"{images} images in {config.epochs} epochs, {config.min_steps} steps wanted{fits}"
    return _shared_out(batch, device), reason


def _shared_out(batch: int, device: DeviceFacts) -> int:
    """The largest batch up to `batch` of which every device gets as many images, at least one."""
    return max(batch // device.count, 1) * device.count


def device_rules(config: TrainConfig, device: DeviceFacts) -> dict[str, Rule]:
    """What the device decides."""
    on_cpu = device.id.startswith("cpu")
    return {
        "device": (device.id, device.name),
        "threads": (device.cores, f"{device.cores} cores are free to this process"),
        "workers": (0, "on the CPU loaders only compete with the network")
        if on_cpu
        else (min(8, device.cores), "one per core, at most 8"),
        "precision": _precision(config, device),
    }


def _precision(config: TrainConfig, device: DeviceFacts) -> Rule:
    """bfloat16 where the device has instructions for it."""
    if config.schedule == "ultralytics" and device.id.startswith("cpu"):
        return "fp32", "`yolo train` uses full precision on the CPU"
    if device.bf16:
        return "bf16", f"{device.name} computes in bfloat16"
    return "fp32", f"{device.name}: full precision"


def _rates(optimizer: str, classes: int) -> dict[str, Rule]:
    """Learning rate and momentum that suit an optimizer."""
    if optimizer in ("SGD", "MuSGD"):
        why = f"Ultralytics default for {optimizer}"
        return {"lr": (0.01, why), "momentum": (0.937, why)}
    return {
        "lr": (
            adamw_rate(classes),
            f"Ultralytics' fit for {optimizer} with {classes} classes, 0.002 · 5 / (4 + classes)",
        ),
        "momentum": (0.9, f"the usual first beta of {optimizer}"),
    }


def _val_every(config: TrainConfig, *, images: int, val_images: int) -> Rule:
    """Epochs between validations. A training image costs about three times a validated one (forward and backward)."""
    each = val_images / (3 * max(images, 1))
    every = min(math.ceil(each / VAL_SHARE), max(config.epochs // 5, 1))
    return (
        max(every, 1),
        f"{val_images} val beside {images} train images: about {each / (each + every):.0%} of the time",
    )


def _nominal_batch(config: TrainConfig, *, images: int) -> Rule:
    """The largest multiple of the batch up to 64 that still allows `min_steps` steps, else the batch."""
    batch = int(config.batch)
    batches = math.ceil(images / batch)
    for multiple in range(max(NOMINAL_BATCH // batch, 1), 0, -1):
        nbs = multiple * batch
        steps = math.ceil(batches / multiple) * config.epochs
        if steps >= config.min_steps or multiple == 1:
            break
    return (
        nbs,
        f"{images} images → {batches} batches an epoch → about {steps} optimizer steps in {config.epochs} epochs",
    )
