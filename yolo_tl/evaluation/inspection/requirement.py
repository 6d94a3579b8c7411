"""One limit of a contract, judged with exact bounds.

*Met* is what the images prove at the contract's confidence: the one-sided Clopper-Pearson bound (see `exact`) is
within the limit. Bounds take units as independent. Parts and images may be that; defects of one image resemble each
other, so the bound of a recall promises more than that of an escape rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from yolo_tl.evaluation.exact import (
    interval,
    proven,
    units_at_rate,
    units_without_failure,
    upper_bound,
    within,
)
from yolo_tl.evaluation.inspection.demands import Demand, Kind

Verdict = Literal["met", "not met", "not provable"]

_WORDS = {
    "escape": ("escape rate", "escape"),
    "recall": ("recall", "missed defect"),
    "overkill": ("overkill rate", "false rejection"),
}


@dataclass(frozen=True)
class Requirement:
    """One limit of a contract, and what a split says about it.

    Attributes:
        kind: ``escape``, ``recall`` or ``overkill``.
        name: the class; None for all together.
        limit: largest rate of escapes or overkill, smallest recall.
        level: confidence of the bound.
        failures: escapes, missed defects, or units rejected without reason.
        units: among so many.
        among: what these are, such as ``defective images``.
        rate: observed rate, of the same kind as `limit`; None without units: then it is not measurable.
        bound: how far the true rate may be on the wrong side, with confidence `level`, one-sided.
        interval: the two-sided interval of the rate, at the same confidence.
        verdict: ``met``: the bound is within the limit; ``not met``: the rate is not; ``not provable``: between.
        needed_without_failure: so many units without a failure would prove it.
        needed_at_rate: so many would prove it at the observed rate; None if the rate is no better than the
            limit, or so close to it that a million would not do.
    """

    kind: Kind
    name: str | None
    limit: float
    level: float
    failures: int
    units: int
    among: str
    rate: float | None
    bound: float
    interval: tuple[float, float]
    verdict: Verdict
    needed_without_failure: int
    needed_at_rate: int | None

    @classmethod
    def judge(cls, demand: Demand, failures: int, units: int, *, among: str) -> Requirement:
        """What `failures` among `units` say about a demand; `among` is what these are."""
        level, limit = demand.level, demand.limit
        high = upper_bound(failures, units, level=level) if units else 1.0
        ends = interval(failures, units, level=level) if units else (0.0, 1.0)
        rate = failures / units if units else None
        verdict: Verdict = "not provable"
        if units and proven(failures, units, limit, level=level):
            verdict = "met"
        elif units and not within(failures, units, limit):
            verdict = "not met"
        share = demand.kind == "recall"  # told as the share that is found
        return cls(
            kind=demand.kind,
            name=demand.name,
            limit=round(1 - limit, 12) if share else limit,
            level=level,
            failures=failures,
            units=units,
            among=among,
            rate=1 - rate if share and rate is not None else rate,
            bound=1 - high if share else high,
            interval=(1 - ends[1], 1 - ends[0]) if share else ends,
            verdict=verdict,
            needed_without_failure=units_without_failure(limit, level=level),
            needed_at_rate=None if rate is None else units_at_rate(rate, limit, level=level),
        )

    def describe(self) -> str:
        """Plain sentences for people."""
        rate, failure = _WORDS[self.kind]
        of = f" of {self.name}" if self.name else ""
        side, other = ("at least", "above") if self.kind == "recall" else ("at most", "below")
        asked = f"{rate}{of} {side} {percent(self.limit)}"
        if self.rate is None:
            need = f"{self.needed_without_failure} without a failure would prove it"
            return f"{asked}: {self.verdict}, because not measurable: there are no {self.among}. {need}."
        text = (
            f"{asked}: {self.verdict}. {self.failures} {failure}{'' if self.failures == 1 else 's'} among "
            f"{self.units} {self.among}: {rate} {percent(self.rate)}, "
            f"with {percent(self.level)} confidence {other} {percent(self.bound)}."
        )
        if self.verdict != "not provable":
            return text
        text += f" {self.needed_without_failure} {self.among} with no {failure} would prove it"
        if self.failures:
            more = "more than a million" if self.needed_at_rate is None else str(self.needed_at_rate)
            text += f"; at this rate, {more}"
        return f"{text}."


def percent(share: float) -> str:
    """A share for people, so that 0.999 is not 100 %.

    >>> percent(0.05), percent(0.0281), percent(0.9995)
    ('5 %', '2.8 %', '99.95 %')
    """
    digits = next(n for n in range(1, 6) if n == 5 or 0 < round(100 * share, n) < 100 or share in (0, 1))
    return f"{100 * share:.{digits}f}".rstrip("0").rstrip(".") + " %"
