"""Weights to start from, as they are before any training: what their features know of these objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

MARGIN = 0.02  # LogME, nats a box: networks with other random weights differ by about half of it


@dataclass(frozen=True)
class Level:
    """What the features of a level tell apart, on boxes of the training images.

    Attributes:
        name: ``backbone/8``, ``P3``, …
        objects: LogME of objects against background.
        classes: LogME of the classes among the objects; None with a single class.
        h_score: regularised H-score of the classes, background being one.
    """

    name: str
    objects: float
    classes: float | None
    h_score: float


@dataclass(frozen=True)
class Start:
    """Weights to start from, beside networks of their architecture with random weights.

    The score is that of the levels which the detection head reads. Shallow levels say little of what was learnt:
    filters of any weights pass colours and edges on.

    Attributes:
        weights: the checkpoint.
        levels: from the shallowest on.
        score: mean LogME of objects against background over the levels that the head reads.
        random: the same of each random network.
        dropped: why it is not trained; empty if it is.
    """

    weights: str
    levels: tuple[Level, ...]
    score: float
    random: tuple[float, ...]
    dropped: str = ""

    @property
    def informative(self) -> bool:
        """Whether the features tell objects from background better than those of every random network."""
        return self.score > max(self.random) + MARGIN

    def describe(self) -> str:
        """One line for people."""
        low, high = min(self.random), max(self.random)
        words = "better than" if self.informative else "no better than"
        return (
            f"{self.weights}: its features tell objects from background {words} those of random weights "
            f"(LogME {self.score:.3f}, random {low:.3f} to {high:.3f})"
        )

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Start:
        """From what `dataclasses.asdict` made of one."""
        levels = tuple(Level(**level) for level in plain["levels"])
        return cls(**{**plain, "levels": levels, "random": tuple(plain["random"])})


def without_hopeless(starts: Sequence[Start]) -> tuple[Start, ...]:
    """The same with `Start.dropped` said of those that know nothing, where another one does."""
    best = max(starts, key=lambda start: start.score)
    if not any(start.informative for start in starts):
        reason = f"its features are no better than random, and {best.weights} has better ones"
        return tuple(start if start is best else replace(start, dropped=reason) for start in starts)
    reason = "its features are no better than random"
    return tuple(start if start.informative else replace(start, dropped=reason) for start in starts)
