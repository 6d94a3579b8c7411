"""The best combination of one threshold for each class, by branch and bound.

Better means, in this order: less cost (`CostConfig`), fewer missed defects by weight, a wider margin. Only what
cannot be better than the best so far is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from yolo_tl.evaluation.inspection.candidates import Option, bits, options_of
from yolo_tl.evaluation.inspection.contract import InspectionContract
from yolo_tl.evaluation.inspection.demands import Demand
from yolo_tl.evaluation.inspection.units import Inspected

MOST_BOUNDS = 100_000  # combinations looked at, seconds; then the best so far is taken


@dataclass(frozen=True)
class _Partial:
    """Options for the first classes, and what they come to."""

    chosen: tuple[Option, ...]
    alarms: int
    escapes: int
    misses: int
    escape_cost: float
    weighted: float
    margin: float


class Search:
    """Branch and bound over the options of every class."""

    def __init__(self, inspected: Inspected, contract: InspectionContract) -> None:
        self._names = [view.rule.name for view in inspected.classes]
        self._weights = [view.rule.weight for view in inspected.classes]
        self._cost = contract.cost
        self._any = contract.escape == "missed"  # a unit escapes by any of its classes, or only by all of them
        self._start = 0 if self._any else bits(inspected.defective)
        self.options = [list(options_of(view, inspected, contract)) for view in inspected.classes]
        self.exhaustive = True

    def best(self, allowed: Mapping[Demand, int]) -> tuple[Option, ...]:
        """The best options, one for each class, that keep every demand within the failures `allowed`.

        The lowest thresholds must keep them.
        """
        most = {(demand.kind, demand.name): failures for demand, failures in allowed.items()}
        self._most_units = most.get(("escape", None), sys.maxsize)
        self._most_defects = most.get(("recall", None), sys.maxsize)
        self._open = [
            [
                option
                for option in options
                if option.own <= most.get(("escape", name), sys.maxsize)
                and option.misses <= most.get(("recall", name), sys.maxsize)
            ]
            for name, options in zip(self._names, self.options, strict=True)
        ]
        self._bounds = 0
        self._found: tuple[tuple[float, ...], tuple[Option, ...]] | None = None
        self._extend(_Partial((), 0, self._start, 0, 0.0, 0.0, 1.0))
        self.exhaustive = self._bounds < MOST_BOUNDS
        assert self._found is not None, "the lowest thresholds keep every demand"
        return self._found[1]

    def _extend(self, partial: _Partial) -> None:
        """Try the options of the next class, the most promising first."""
        if len(partial.chosen) == len(self._open):
            self._found = self._key(partial), partial.chosen
            return
        children = [self._with(partial, option) for option in self._open[len(partial.chosen)]]
        ranked = [(bound, i) for i, child in enumerate(children) if (bound := self._bound(child)) is not None]
        for bound, i in sorted(ranked):
            if self._found is not None and (bound >= self._found[0] or self._bounds >= MOST_BOUNDS):
                return
            self._extend(children[i])

    def _bound(self, partial: _Partial) -> tuple[float, ...] | None:
        """What no completion of `partial` is better than; None where none keeps the demands."""
        self._bounds += 1
        rest = self._open[len(partial.chosen) :]
        least = partial
        for options in rest:
            least = self._with(least, options[0])
        if least.escapes.bit_count() > self._most_units or least.misses > self._most_defects:
            return None
        alarms = partial.alarms
        for options in rest:  # as if each of the others could take the highest threshold that it alone may have
            spare = self._most_defects - least.misses + options[0].misses
            for option in reversed(options):
                escapes = least.escapes | option.escapes if self._any else least.escapes
                if option.misses <= spare and escapes.bit_count() <= self._most_units:
                    alarms |= option.alarms
                    break
        return self._key(replace(least, alarms=alarms, margin=partial.margin))

    def _key(self, partial: _Partial) -> tuple[float, ...]:
        cost = self._cost.overkill * partial.alarms.bit_count() + self._cost.escape * partial.escape_cost
        return cost, partial.weighted, -partial.margin

    def _with(self, partial: _Partial, option: Option) -> _Partial:
        weight = self._weights[len(partial.chosen)]
        return _Partial(
            chosen=(*partial.chosen, option),
            alarms=partial.alarms | option.alarms,
            escapes=partial.escapes | option.escapes if self._any else partial.escapes & option.escapes,
            misses=partial.misses + option.misses,
            escape_cost=partial.escape_cost + weight * option.own,
            weighted=partial.weighted + weight * option.misses,
            margin=min(partial.margin, option.margin),
        )
