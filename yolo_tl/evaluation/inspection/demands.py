"""Each single limit of a contract, and what a set of thresholds makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from yolo_tl.evaluation.inspection.contract import InspectionContract
from yolo_tl.evaluation.inspection.units import Inspected, marked

Kind = Literal["escape", "recall", "overkill"]


@dataclass(frozen=True)
class Demand:
    """A limit on the share of failures.

    Attributes:
        kind: what fails: a defective unit that escapes, a defect that is missed (the complement of recall), or
            a unit that is rejected without reason.
        name: the class; None for all together.
        limit: largest share of failures.
        level: confidence of the bound.
    """

    kind: Kind
    name: str | None
    limit: float
    level: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """What thresholds make of a split.

    Attributes:
        missed: for each inspected class, (M,) which of its defects are missed.
        escaped: (U,) which units escape.
        escaped_class: for each inspected class, (U,) units that escape as far as this class goes.
        rejected: (U,) units rejected without reason.
        counted: (U,) units in which a rejection without reason would count.
    """

    missed: tuple[NDArray[np.bool_], ...]
    escaped: NDArray[np.bool_]
    escaped_class: tuple[NDArray[np.bool_], ...]
    rejected: NDArray[np.bool_]
    counted: NDArray[np.bool_]


def demands(contract: InspectionContract, names: tuple[str, ...]) -> tuple[Demand, ...]:
    """The limits of a contract for data with the class names `names`, in the order in which people read them."""
    found = [_demand("escape", None, contract.max_escape, contract.level)]
    found.append(_demand("recall", None, contract.min_recall, contract.level))
    for rule in contract.rules(names):
        level = rule.level or contract.level
        found.append(_demand("escape", rule.name, rule.max_escape, level))
        found.append(_demand("recall", rule.name, rule.min_recall, level))
    found.append(_demand("overkill", None, contract.max_overkill, contract.level))
    return tuple(demand for demand in found if demand is not None)


def _demand(kind: Kind, name: str | None, limit: float | None, level: float) -> Demand | None:
    if limit is None:
        return None
    return Demand(kind, name, 1 - limit if kind == "recall" else limit, level)


def outcome(inspected: Inspected, thresholds: Mapping[str, float], contract: InspectionContract) -> Outcome:
    """What `thresholds`, by class name, make of the units."""
    units, unit = len(inspected.units), inspected.unit
    missed, escaped_class = [], []
    found_any, rejected = np.zeros(units, bool), np.zeros(units, bool)
    for view in inspected.classes:
        limit = thresholds[view.rule.name]
        miss = view.found <= limit
        has, lost, caught = (marked(units, unit[view.image[which]]) for which in (miss | True, miss, ~miss))
        escaped_class.append(lost if contract.escape == "missed" else has & ~caught)
        missed.append(miss)
        found_any |= caught
        rejected |= marked(units, unit[view.alarm > limit])
    defective = inspected.defective
    escaped = np.logical_or.reduce(escaped_class) if contract.escape == "missed" else defective & ~found_any
    counted = ~defective if contract.overkill == "good" else np.ones(units, bool)
    return Outcome(tuple(missed), escaped, tuple(escaped_class), rejected & counted, counted)


def count(demand: Demand, inspected: Inspected, made: Outcome) -> tuple[int, int]:
    """Failures of a demand, and among how many."""
    if demand.kind == "overkill":
        return int(made.rejected.sum()), int(made.counted.sum())
    pairs = list(zip(inspected.classes, made.missed, made.escaped_class, strict=True))
    if demand.name is not None:
        pairs = [pair for pair in pairs if pair[0].rule.name == demand.name]
    if demand.kind == "recall":
        return sum(int(missed.sum()) for _, missed, _ in pairs), sum(len(missed) for _, missed, _ in pairs)
    if demand.name is None:
        return int(made.escaped.sum()), int(inspected.defective.sum())
    ((view, _, escaped),) = pairs
    return int(escaped.sum()), len(np.unique(inspected.unit[view.image]))
