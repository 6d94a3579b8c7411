"""How large the demo is, and what it trains with: every number of it is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from yolo_tl.errors import ConfigError

RULES = "default"  # of the inspection
SPLIT = "test"  # is scored and inspected: nothing was chosen on it
FEWEST = 6  # epochs of a full run that `verdict` can be about
TRAINING: Mapping[str, Any] = {"augment.mosaic": 0}
"""A mosaic would make most defects smaller than can be seen at this image size."""


@dataclass(frozen=True)
class DemoSettings:
    """What may be asked of a demo.

    Attributes:
        images: how many are drawn.
        imgsz: side of the square network input, px.
        epochs: of the training run, and of the full run that the verdict is about.
        seed: of the pictures and of training.
        weights: a checkpoint's path or name; None to choose.
    """

    images: int = 240
    imgsz: int = 256
    epochs: int = 30
    seed: int = 0
    weights: str | None = None

    @property
    def training(self) -> dict[str, Any]:
        """The overrides of a training run, but for its length and its seed."""
        return {"imgsz": self.imgsz, **TRAINING}

    @property
    def verdict_epochs(self) -> int:
        """Epochs of the full run that the verdict is about; it trains a third of them."""
        return max(FEWEST, self.epochs)


def read_settings(values: Mapping[str, Any]) -> DemoSettings:
    """The settings that were asked for; None leaves one at its default.

    Raises:
        ConfigError: a number is out of range.
    """
    known = {f.name for f in fields(DemoSettings)}
    found = DemoSettings(**{key: value for key, value in values.items() if value is not None and key in known})
    if found.epochs < 1:
        raise ConfigError(f"epochs: expected 1 or more, found {found.epochs}")
    if found.imgsz < 32 or found.imgsz % 32:
        raise ConfigError(f"imgsz: expected a positive multiple of 32, found {found.imgsz}")
    return found
