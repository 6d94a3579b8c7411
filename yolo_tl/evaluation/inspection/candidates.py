"""The thresholds of a class that may be best, and their consequences.

Raising a threshold loses defects and spares good units. So only those between the confidence of a false alarm and
that of a defect next above it can be best: the others lose more for the same, or spare less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from yolo_tl.evaluation.inspection.contract import InspectionContract
from yolo_tl.evaluation.inspection.units import ClassView, Inspected, marked


@dataclass(frozen=True)
class Option:
    """A threshold of one class, and its consequences; sets of units are bits of an integer.

    Attributes:
        threshold: a confidence must be above it.
        margin: half the gap around it.
        alarms: units rejected without reason.
        escapes: units that escape by it; how classes are joined, `Search` knows.
        own: how many units escape as far as this class goes.
        misses: how many of its defects are missed.
    """

    threshold: float
    margin: float
    alarms: int
    escapes: int
    own: int
    misses: int


def options_of(view: ClassView, inspected: Inspected, contract: InspectionContract) -> Iterator[Option]:
    """The thresholds of a class that may be best, from the lowest up."""
    unit, units = inspected.unit, len(inspected.units)
    defective = inspected.defective
    counted = ~defective if contract.overkill == "good" else np.ones(units, bool)
    alarm = np.zeros(units, np.float32)
    np.maximum.at(alarm, unit, view.alarm)
    of = unit[view.image]
    has = marked(units, of)
    spared = {inspected.lowest, *alarm[counted & (alarm > inspected.lowest)].tolist()}
    lost = {1.0, *view.found[view.found > inspected.lowest].tolist()}
    for low, high in pairwise(sorted(spared | lost)):
        if low not in spared or high not in lost:
            continue
        threshold = _between(low, high)
        missed = view.found <= threshold
        some, none = marked(units, of[missed]), has & ~marked(units, of[~missed])
        own = some if contract.escape == "missed" else none
        yield Option(
            threshold=threshold,
            margin=(high - low) / 2,
            alarms=bits(counted & (alarm > threshold)),
            escapes=bits(own if contract.escape == "missed" else defective & (none | ~has)),
            own=int(own.sum()),
            misses=int(missed.sum()),
        )


def _between(low: float, high: float) -> float:
    """The middle, short where that is possible; so that a float32 above `low` is above it, and `high` is, too."""
    middle = (low + high) / 2
    for digits in range(3, 9):
        short = round(middle, digits)
        if low <= np.float32(short) < high and low <= short < high:
            return short
    return low


def bits(units: NDArray[np.bool_]) -> int:
    """A set of units as the bits of an integer."""
    return int.from_bytes(np.packbits(units, bitorder="little").tobytes(), "little")
