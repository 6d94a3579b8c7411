"""Artifacts held to one that is the reference, as one HTML file: every level, the stage that differs, what flipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from yolo_tl.reporting.differences import INTERVAL, difference_table
from yolo_tl.reporting.markup import number, said, section, shown, table
from yolo_tl.reporting.page import Page
from yolo_tl.reporting.shrunk import shrunk

_PICTURES, _WIDTH = 24, 1080  # of the page; px of each
_LISTED = 100  # flipped images
_WIDE, _HIGH = 460, 120  # of a histogram, px

LEVELS = {
    "tensor_box": ("1 outputs", "largest difference of an output box, px of the input"),
    "tensor_score": ("1 outputs", "largest difference of an output score"),
    "missing_rows": ("1 outputs", "rows that only one of the two has"),
    "box": ("2 detections", "largest difference of a matched box, px of the input"),
    "score": ("2 detections", "largest difference of a matched score"),
    "unmatched": ("2 detections", "detections that only one of the two has"),
    "mask": ("2 detections", "largest loss of overlap of a matched mask"),
    "flips": ("3 verdicts", "share of images that flip"),
    "map_loss": ("4 scores", "loss of mAP50-95 or accuracy"),
}
"""Name, level and meaning of everything that is judged."""


def gate_page(report: Mapping[str, Any], folder: Path) -> Page:
    """The page of a verification.

    Args:
        report: the content of ``verify.json``.
        folder: where that file is, with its pictures.
    """
    gates: Sequence[Mapping[str, Any]] = report["gates"]
    reference, *others = (str(name) for name in report["called"])
    broken = [gate for gate in gates if not gate["passed"]]
    facts = [(f"{gates[0]['images']:,}", f"{report['split'] or 'unlabelled'} images")]
    for gate in gates:
        of = f" in {gate['b']}" if len(gates) > 1 else ""
        facts.append((f"{gate['flips']['flipped']:,}", f"images that flipped{of}"))
    facts.append((f"{report['seconds']:.1f} s", "to run all of them"))
    each = max(1, _PICTURES // len(gates))
    return Page(
        title=f"Verification: {', '.join([reference, *others])}",
        name=f"{', '.join(others)} against {reference}",
        about=f"on {report['data']}",
        tone="bad" if broken else "good",
        verdict="; ".join(_verdict(gate) for gate in broken) or "Every limit is kept",
        facts=facts,
        sections=[
            *(part for gate in gates for part in _sections(gate, folder, each, several=len(gates) > 1)),
            section("Operating point", _values(gates[0]["thresholds"])),
        ],
    )


def _verdict(gate: Mapping[str, Any]) -> str:
    flips, count = gate["flips"], len(gate["failures"])
    stages = [stage["stage"] for stage in gate["stages"] if stage["differs"]]
    return (
        f"{gate['b']} breaks {count} limit{'s' * (count != 1)}; {flips['flipped']} of {flips['units']} images flip; "
        f"what differs: {', '.join(stages) or 'no stage on its own'}"
    )


def _sections(gate: Mapping[str, Any], folder: Path, pictures: int, *, several: bool) -> list[str]:
    against = f": {gate['b']}" if several else ""
    scores = gate["scores"]
    return [
        section(f"Levels{against}", _levels(gate), about="What was found beside what is allowed."),
        section(
            f"The stage that differs{against}",
            _stages(gate["stages"]),
            about="One stage at a time is exchanged, the others stay: what that changes on its own.",
        ),
        _flips(gate, folder, pictures, against),
        section(
            f"Scores near their threshold{against}",
            _histogram(gate),
            about="Score minus threshold of its class. What lies near the middle is what flips first.",
        ),
        section(
            f"{scores['metric']}{against}",
            _scores(gate),
            about=f"95 % interval, paired over images. {INTERVAL}" if scores["loss"] is not None else "",
        ),
        section(f"What should be known{against}", said(gate["notes"])),
    ]


def _levels(gate: Mapping[str, Any]) -> str:
    rows = [
        (escape(level), escape(what), found, allowed, "kept" if kept else "<b>broken</b>")
        for level, what, found, allowed, kept in level_rows(gate)
    ]
    return table(("level", "what", "found", "allowed", ""), rows, kind="decisions")


def level_rows(gate: Mapping[str, Any]) -> list[tuple[str, str, str, str, bool]]:
    """Level, what is measured, what was found, what is allowed, and whether that holds; of `GateResult` as JSON."""
    broken = {failure["limit"] for failure in gate["failures"]}
    rows = []
    if reason := gate["tensors"]["reason"]:
        rows.append((LEVELS["tensor_box"][0], f"not compared: {reason}", "–", "–", True))
    for judged in gate["judged"]:
        name = judged["limit"]
        found, allowed = number(judged["found"], ".3g"), number(judged["allowed"], "g")
        rows.append((*LEVELS[name], found, allowed, name not in broken))
    if reason := gate["scores"]["reason"]:
        rows.append((LEVELS["map_loss"][0], f"not measured: {reason}", "–", "–", True))
    return rows


def _stages(stages: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        (
            escape(stage["stage"]),
            "<b>differs</b>" if stage["differs"] else "the same",
            "–" if stage["flips"] is None else f"{stage['flips']} of {stage['images']}",
            shown(stage["unmatched"]),
            number(stage["box"], ".3g"),
            number(stage["score"], ".3g"),
            escape(stage["note"]),
        )
        for stage in stages
    ]
    return table(("", "", "flips", "unmatched", "box, px", "score", ""), rows, kind="even")


def _flips(gate: Mapping[str, Any], folder: Path, most: int, against: str) -> str:
    flips, title = gate["flips"], f"Images that flipped{against}"
    share = (
        f"{flips['flipped']} of {flips['units']}: 95 % interval of the share {flips['low']:.3f} to {flips['high']:.3f}."
    )
    if flips["at_threshold"]:
        share += f" In {flips['at_threshold']} more, rounding alone decides what is above a threshold."
    if gate["verdicts"]:
        share += (
            f" Of {gate['verdicts']['units']} units, {gate['verdicts']['flipped']} pass with one and not the other."
        )
    if not flips["images"]:
        return section(title, '<p class="soft">None.</p>', about=share)
    pictured = "".join(
        _figure(folder, path, flip, gate)
        for path, flip in zip(gate.get("pictures", ())[:most], flips["images"], strict=False)
    )
    rows = [(escape(flip["image"]), escape(shown(flip["a"])), escape(shown(flip["b"]))) for flip in flips["images"]]
    left = len(rows) - _LISTED
    listed = table(("image", escape(gate["a"]), escape(gate["b"])), rows[:_LISTED], kind="even")
    listed += f'<p class="soft">and {left:,} more</p>' if left > 0 else ""
    return section(title, (f'<div class="album wide">{pictured}</div>' if pictured else "") + listed, about=share)


def _figure(folder: Path, path: str, flip: Mapping[str, Any], gate: Mapping[str, Any]) -> str:
    """A picture that was made of a flip, small enough for a page; nothing if it is gone."""
    place, name = Path(path), flip["image"]
    told = f"{gate['a']}: {shown(flip['a'])}; {gate['b']}: {shown(flip['b'])}"
    here = folder / place.parent.name / place.name  # the folder may have been moved
    shot = shrunk(here if here.is_file() else place, f"{told}; {name}", longest=_WIDTH)
    if not shot:
        return ""
    return (
        f'<figure>{shot}<figcaption><b>{escape(told)}</b><span class="file">{escape(name)}</span></figcaption></figure>'
    )


def _histogram(gate: Mapping[str, Any]) -> str:
    """Bars of the reference, and steps of the other over them."""
    margins = gate["margins"]
    edges, first, second = margins["edges"], margins["a"], margins["b"]
    highest = max([*first, *second], default=0)
    if not highest:
        return ""
    step = _WIDE / len(first)
    bars = "".join(
        f'<rect class="bar" x="{i * step:.1f}" y="{_HIGH * (1 - count / highest):.1f}" width="{step - 1:.1f}" '
        f'height="{_HIGH * count / highest:.1f}"/>'
        for i, count in enumerate(first)
    )
    line = "".join(
        f"{'ML'[i > 0]}{i * step:.1f} {_HIGH * (1 - count / highest):.1f}h{step:.1f}" for i, count in enumerate(second)
    )
    middle = _WIDE * (0 - edges[0]) / (edges[-1] - edges[0])
    told = f"{sum(first)} scores of {gate['a']} as bars, {sum(second)} of {gate['b']} as a line"
    return (
        f'<svg class="plot" viewBox="-4 -4 {_WIDE + 8} {_HIGH + 22}" role="img" aria-label="{escape(told)}">{bars}'
        f'<path class="before" d="{line}"/><path class="level" d="M{middle:.1f} 0V{_HIGH}"/>'
        f'<text x="0" y="{_HIGH + 14}">{edges[0]:+.2f}</text>'
        f'<text x="{_WIDE}" y="{_HIGH + 14}" text-anchor="end">{edges[-1]:+.2f}</text></svg>'
        f'<p class="soft">{escape(told)}</p>'
    )


def _scores(gate: Mapping[str, Any]) -> str:
    scores = gate["scores"]
    if scores["loss"] is None:
        return f'<p class="soft">Not measured: {escape(scores["reason"])}.</p>'
    row = {**scores, "observed": scores["loss"]}
    noted = f'<p class="soft">{escape(scores["note"])}</p>' if scores["note"] else ""
    return difference_table((gate["a"], gate["b"]), {scores["metric"]: row}) + noted


def _values(values: Mapping[str, Any]) -> str:
    rows = [(f"<code>{escape(str(key))}</code>", escape(shown(value))) for key, value in values.items()]
    return table((), rows, kind="decisions")
