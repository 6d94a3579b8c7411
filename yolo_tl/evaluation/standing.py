"""Several recipes in the order of their score, when the first was compared with each of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev

from yolo_tl.evaluation.comparison import Comparison, Verdict, corrected


@dataclass(frozen=True)
class Standing:
    """One row of the table.

    Attributes:
        name: of the recipe.
        seeds: how many runs.
        map50_95: mean over the runs.
        map50: mean over the runs.
        spread: standard deviation of the mAP50-95 of the runs; None for one run.
        first: verdict of the first recipe against this one; None for the first itself.
        p_holm: of that difference, by Holm's correction over all recipes; None without an interval.
    """

    name: str
    seeds: int
    map50_95: float
    map50: float
    spread: float | None
    first: Verdict | None = None
    p_holm: float | None = None


def standings(comparisons: Sequence[Comparison]) -> tuple[Standing, ...]:
    """The recipes of `comparisons`, which share their first one, by falling mAP50-95; at least one comparison."""
    one = comparisons[0]
    rows = [Standing(one.a, len(one.seeds_a), one.map50_95.a, one.map50.a, _spread(one.seeds_a))]
    p = corrected({comparison.b: comparison.map50_95.p for comparison in comparisons})
    for other in comparisons:
        score, map50 = other.map50_95.b, other.map50.b
        spread = _spread(other.seeds_b)
        rows.append(Standing(other.b, len(other.seeds_b), score, map50, spread, other.verdict, p[other.b]))
    return tuple(sorted(rows, key=lambda row: -row.map50_95))


def _spread(scores: Sequence[float]) -> float | None:
    return stdev(scores) if len(scores) > 1 else None
