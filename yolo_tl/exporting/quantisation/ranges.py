"""Which range of numbers 8 bits stand for: measured on images, then cut where that costs least."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.exporting.quantisation.graph import FloatGraph, session

_BINS = 2048
_STEPS = 40  # ranges that are tried on each side
_SMALLEST = 1e-8  # scale of a tensor that is always zero

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often a tensor had which value.

    Attributes:
        low: smallest value.
        high: largest value.
        counts: of equal parts between them.
    """

    low: float
    high: float
    counts: Values

    @property
    def centres(self) -> Values:
        """The value in the middle of each part."""
        return self.low + (np.arange(len(self.counts)) + 0.5) * (self.high - self.low) / len(self.counts)


@dataclass(frozen=True)
class Scale:
    """How 8-bit numbers are read: (number - zero) * step.

    Attributes:
        step: one level.
        zero: the number that stands for 0.
        signed: numbers are -128 to 127, else 0 to 255.
    """

    step: float
    zero: int
    signed: bool

    @classmethod
    def of(cls, low: float, high: float, *, signed: bool, symmetric: bool) -> Scale:
        """The scale that covers a range; 0 always is one of its levels, because convolutions pad with it."""
        low, high = min(low, 0.0), max(high, 0.0)
        if symmetric:
            return cls(_float32(max(-low, high) / 127), 0, signed)
        step = _float32((high - low) / 255)
        first = -128 if signed else 0
        return cls(step, int(np.clip(round(-low / step), 0, 255)) + first, signed)

    def round(self, values: Values) -> Values:
        """What is left of `values`."""
        first = -128 if self.signed else 0
        levels = np.clip(np.round(values / self.step) + self.zero, first, first + 255)
        rounded: Values = (levels - self.zero) * self.step
        return rounded


def silu(values: Values) -> Values:
    """SiLU: x * sigmoid(x)."""
    result: Values = values / (1 + np.exp(-np.clip(values, -80, 80)))
    return result


def measure(graph: FloatGraph, tensors: Iterable[str], images: NDArray[np.float32]) -> dict[str, Histogram]:
    """Run the float network on images (N, 3, H, W) and count the values of some of its tensors."""
    names = sorted(set(tensors))
    network = session(graph.model, names)
    lows, highs = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    for values in _runs(graph, network, names, images):
        lows = np.minimum(lows, [value.min() for value in values])
        highs = np.maximum(highs, [value.max() for value in values])
    highs = np.maximum(highs, lows + _SMALLEST)
    counts = np.zeros((len(names), _BINS))
    for values in _runs(graph, network, names, images):
        for i, value in enumerate(values):
            counts[i] += np.histogram(value, _BINS, (lows[i], highs[i]))[0]
    return {name: Histogram(float(lows[i]), float(highs[i]), counts[i]) for i, name in enumerate(names)}


def _runs(
    graph: FloatGraph, network: Any, names: Sequence[str], images: NDArray[np.float32]
) -> Iterable[list[NDArray[np.float32]]]:
    return (network.run(names, graph.feed(image)) for image in images)


def merged(histograms: Sequence[Histogram]) -> Histogram:
    """One histogram of several tensors."""
    low, high = min(one.low for one in histograms), max(one.high for one in histograms)
    counts = np.zeros(_BINS)
    for one in histograms:
        counts += np.histogram(one.centres, _BINS, (low, high), weights=one.counts)[0]
    return Histogram(low, high, counts)


def best_scale(
    histogram: Histogram, *, signed: bool, symmetric: bool, through: Callable[[Values], Values] | None = None
) -> Scale:
    """The scale that loses least: a narrower range cuts a few large values and has finer levels for all others.

    Args:
        histogram: of the tensor.
        signed: as of `Scale`.
        symmetric: zero is in the middle.
        through: what is done to the tensor next. SiLU makes everything far below zero the same, so a range that
            ends there is better; only the error behind it counts.
    """
    seen = histogram.counts > 0
    values, weights = histogram.centres[seen], histogram.counts[seen]
    exact = values if through is None else through(values)

    def error(low: float, high: float) -> float:
        rounded = Scale.of(low, high, signed=signed, symmetric=symmetric).round(values)
        return float(((rounded if through is None else through(rounded)) - exact) ** 2 @ weights)

    low, high = min(histogram.low, 0.0), max(histogram.high, 0.0)
    shares = np.arange(1, _STEPS + 1) / _STEPS
    best = low, high
    least = error(*best)
    for _ in range(2):  # each side in turn, twice
        for candidate in [(low * share, best[1]) for share in shares]:
            if (found := error(*candidate)) < least:
                best, least = candidate, found
        for candidate in [(best[0], high * share) for share in shares]:
            if (found := error(*candidate)) < least:
                best, least = candidate, found
    return Scale.of(*best, signed=signed, symmetric=symmetric)


def _float32(step: float) -> float:
    """As the graph will hold it."""
    return float(np.float32(max(step, _SMALLEST)))
