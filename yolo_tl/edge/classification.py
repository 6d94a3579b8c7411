"""What a classifier says of one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHOWN = 5  # classes in a list of the best


@dataclass(frozen=True, eq=False)
class Classification:
    """Probabilities of the classes of one image.

    Attributes:
        probabilities: (C,) float32, in order of class number; their sum is 1.
    """

    probabilities: NDArray[np.float32]

    def __post_init__(self) -> None:
        if np.ndim(self.probabilities) != 1 or not len(self.probabilities):
            raise ValueError(f"probabilities: expected shape (C,), got {np.shape(self.probabilities)}")

    @property
    def top1(self) -> int:
        """Number of the most probable class; of equal ones the first."""
        return int(self.probabilities.argmax())

    @property
    def top5(self) -> tuple[int, ...]:
        """Numbers of the five most probable classes, or all there are, best first."""
        best = np.argsort(-self.probabilities, kind="stable")[:_SHOWN]
        return tuple(int(number) for number in best)

    @property
    def confidence(self) -> float:
        """Probability of the most probable class."""
        return float(self.probabilities[self.top1])

    def to_rows(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The classes of `top5` as plain dictionaries ``{confidence, class_id, name}`` for JSON."""
        return [
            {"confidence": float(self.probabilities[number]), "class_id": number, "name": names[number]}
            for number in self.top5
        ]
