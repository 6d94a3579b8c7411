"""An inspection contract and what became of it, as sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from yolo_tl.evaluation.inspection.requirement import Requirement, percent
from yolo_tl.reporting.markup import folded, said, section, table

TONES = {"met": "good", "not met": "bad", "not provable": "fair"}
_LISTED = 100  # units


def contract(qualification: Mapping[str, Any]) -> str:
    """The section with every limit on the split that chose nothing, and the thresholds.

    Args:
        qualification: `evaluation.qualification.Qualification` as JSON.
    """
    judged, chosen = qualification["judged"], qualification["chosen"]
    thresholds = ", ".join(f"{name} {value:.3f}" for name, value in qualification["thresholds"].items())
    warned = []
    if not chosen["meets"]:
        warned.append(f"No thresholds keep every limit on {chosen['split']}; these are the closest.")
    if not chosen["exhaustive"]:
        warned.append("There were too many combinations of thresholds to look at all of them.")
    content = (
        f'<p class="badge {TONES[qualification["verdict"]]}">{escape(qualification["verdict"])}</p>'
        + _requirements(judged["requirements"])
        + said([Requirement(**row).describe() for row in judged["requirements"]])
        + said(warned, kind="warning")
        + folded(f"On {chosen['split']}, where the thresholds were chosen", _requirements(chosen["requirements"]))
    )
    about = (
        f"On {judged['images']:,} images of {judged['split']}, {judged['units']:,} units of which "
        f"{judged['defective']:,} are defective. Thresholds, chosen on {chosen['split']}: {thresholds}."
    )
    return section("Inspection contract", content, about=about)


def incidents(judged: Mapping[str, Any]) -> str:
    """The section with the units that went wrong."""
    parts = []
    for key, title in (("escapes", "Escaped"), ("overkills", "Rejected without reason")):
        units = judged[key]
        rows = [
            (escape(Path(one["unit"]).name), escape(", ".join(one["classes"])), escape(_names(one["images"])))
            for one in units[:_LISTED]
        ]
        listed = table(("unit", "classes", "images"), rows, kind="even")
        left = len(units) - len(rows)
        parts.append(f"<h3>{title}: {len(units):,}</h3>{listed}" + (f"<p>and {left:,} more</p>" if left > 0 else ""))
    return section(f"Units of {judged['split']} that went wrong", "".join(parts))


def _requirements(rows: Sequence[Mapping[str, Any]]) -> str:
    """A row for each limit, with its interval drawn against it."""
    shown = []
    for row in rows:
        name = f"{row['kind']} of {row['name']}" if row["name"] else row["kind"]
        side = "≥" if row["kind"] == "recall" else "≤"
        rate = "not measurable" if row["rate"] is None else percent(row["rate"])
        shown.append(
            (
                escape(name),
                f"{side} {percent(row['limit'])}",
                f"{row['failures']:,} of {row['units']:,} {escape(row['among'])}",
                rate,
                f"{'≥' if row['kind'] == 'recall' else '≤'} {percent(row['bound'])}",
                f'<b class="tone {TONES[row["verdict"]]}">{escape(row["verdict"])}</b>',
                _bar(row),
            )
        )
    head = ("limit on", "asked", "failures", "observed", "proven", "", "interval and limit")
    return table(head, shown, kind="numbers even")


def _bar(row: Mapping[str, Any]) -> str:
    """The rate, its interval and the limit on a line that is as long as they need."""
    low, high = row["interval"]
    start, end = (
        (0.0, min(1.0, 1.3 * max(high, row["limit"])))
        if row["kind"] != "recall"
        else (
            max(0.0, 1 - 1.3 * (1 - min(low, row["limit"]))),
            1.0,
        )
    )

    def at(share: float) -> float:
        return min(max(100 * (share - start) / (end - start or 1.0), 0.5), 99.5)

    said = f"{percent(low)} to {percent(high)}, limit {percent(row['limit'])}"
    drawn = f'<path class="whisker" d="M{at(low):.1f} 7H{at(high):.1f}M{at(low):.1f} 3V11M{at(high):.1f} 3V11"/>'
    drawn += f'<path class="before" d="M{at(row["limit"]):.1f} 0V14"/>'
    if row["rate"] is not None:
        drawn += f'<path class="dot" d="M{at(row["rate"]):.1f} 7h0"/>'
    return (
        f'<svg class="{TONES[row["verdict"]]}" viewBox="0 0 100 14" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(said)}">{drawn}</svg><span>{escape(percent(low))} to {escape(percent(high))}</span>'
    )


def _names(images: Sequence[str]) -> str:
    return ", ".join(Path(image).name for image in images)
