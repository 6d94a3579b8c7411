"""The threshold of each class, chosen on one split: the least overkill that the limits on escapes allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yolo_tl.errors import DataError
from yolo_tl.evaluation.exact import allowed_failures, provable_failures, within
from yolo_tl.evaluation.inspection.candidates import Option
from yolo_tl.evaluation.inspection.contract import InspectionContract
from yolo_tl.evaluation.inspection.demands import Demand, count, demands, outcome
from yolo_tl.evaluation.inspection.search import Search
from yolo_tl.evaluation.inspection.units import Inspected


@dataclass(frozen=True)
class Choice:
    """The thresholds that were chosen.

    Attributes:
        thresholds: class name → threshold; a confidence must be above it.
        margins: class name → how far a confidence must move before anything changes on this split.
        meets: whether every limit holds for the rates on this split.
        reserve: whether escapes were held so low that their bounds are within the limits, too.
        exhaustive: whether nothing that could be better was left out.
    """

    thresholds: dict[str, float]
    margins: dict[str, float]
    meets: bool
    reserve: bool
    exhaustive: bool


def choose(inspected: Inspected, contract: InspectionContract) -> Choice:
    """The best thresholds for `contract` on one split.

    With ``aim: bound`` escapes are held so low that their bounds, too, are within the limits (or at none, where so
    few units cannot show it), if the limit on overkill allows that. Otherwise their rates are. A limit on escapes
    that no threshold keeps gives way to the fewest failures that any threshold has.

    Raises:
        DataError: a class without a defect to choose its threshold by.
    """
    for view in inspected.classes:
        if not len(view.image):
            raise DataError(
                f"{inspected.split} has no {view.rule.name} that must be found, so its threshold cannot be chosen",
                hint="put labelled examples into this split, or name the other classes in the contract's `classes`",
            )
    asked = demands(contract, tuple(view.rule.name for view in inspected.classes))
    search = Search(inspected, contract)
    fewest = _failures(asked, inspected, [options[0] for options in search.options], contract)
    for reserve in (True, False) if contract.aim == "bound" else (False,):
        most = {demand: _most(demand, units, reserve=reserve) for demand, (_, units) in fewest.items()}
        if reserve and any(failures > most[demand] for demand, (failures, _) in fewest.items()):
            continue
        chosen = search.best({demand: max(most[demand], failures) for demand, (failures, _) in fewest.items()})
        made = _failures(asked, inspected, chosen, contract, overkill=True)
        meets = all(within(failures, units, demand.limit) for demand, (failures, units) in made.items())
        if meets:
            break
    return Choice(
        thresholds=_by_name(inspected, [option.threshold for option in chosen]),
        margins=_by_name(inspected, [option.margin for option in chosen]),
        meets=meets,
        reserve=meets and reserve,
        exhaustive=search.exhaustive,
    )


def _failures(
    asked: Sequence[Demand],
    inspected: Inspected,
    options: Sequence[Option],
    contract: InspectionContract,
    *,
    overkill: bool = False,
) -> dict[Demand, tuple[int, int]]:
    """Failures of each demand, and among how many; of overkill only where asked for."""
    made = outcome(inspected, _by_name(inspected, [option.threshold for option in options]), contract)
    return {demand: count(demand, inspected, made) for demand in asked if overkill or demand.kind != "overkill"}


def _most(demand: Demand, units: int, *, reserve: bool) -> int:
    """The most failures that a demand allows; with `reserve`, that its bound allows."""
    if reserve:
        return max(0, provable_failures(units, demand.limit, level=demand.level))
    return allowed_failures(units, demand.limit)


def _by_name(inspected: Inspected, values: Sequence[float]) -> dict[str, float]:
    return {view.rule.name: value for view, value in zip(inspected.classes, values, strict=True)}
