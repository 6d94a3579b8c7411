"""Differences with their intervals around zero, as rows of one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from yolo_tl.reporting.bars import Interval, difference_bar, reach_of
from yolo_tl.reporting.markup import number, table

INTERVAL = "A whisker that leaves out the line in the middle is a difference that can be told from none."


def difference_table(names: tuple[str, str], rows: Mapping[str, Mapping[str, Any] | None]) -> str:
    """A row for each score: of both, the difference, its interval drawn, p.

    Args:
        names: of the first and the second; text.
        rows: name of the score → ``a``, ``b``, ``observed``, ``low``, ``high``, ``p``, ``p_holm``; None where it
            cannot be measured.
    """
    reach = reach_of(_interval(row) for row in rows.values())
    corrected = any(row and row.get("p_holm") is not None for row in rows.values())
    shown: list[Sequence[str]] = []
    for name, row in rows.items():
        values = row or {}
        p = values.get("p_holm") if corrected else values.get("p")
        shown.append(
            (
                escape(name),
                number(values.get("a")),
                number(values.get("b")),
                number(values.get("observed"), "+.3f"),
                number(p),
                difference_bar(values.get("observed"), _interval(row), reach),
            )
        )
    head = ("", *(escape(name) for name in names), "difference", "p, corrected" if corrected else "p", "interval")
    return table(head, shown, kind="numbers even")


def _interval(row: Mapping[str, Any] | None) -> Interval:
    if row is None or row.get("low") is None or row.get("high") is None:
        return None
    return row["low"], row["high"]
