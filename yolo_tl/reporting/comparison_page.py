"""Models or recipes on the same images as one HTML file: what differs, how surely, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from yolo_tl.reporting.differences import INTERVAL, difference_table
from yolo_tl.reporting.markup import number, said, section, table
from yolo_tl.reporting.page import Page
from yolo_tl.reporting.shrunk import shrunk

_TONES = {"better": "good", "worse": "bad"}
_PICTURES, _WIDTH = 24, 1080  # of the page; px of each
_LISTED = 100  # flipped images


def comparison_page(report: Mapping[str, Any], folder: Path) -> Page:
    """The page of a comparison.

    Args:
        report: the content of ``comparison.json``: the first recipe against each other.
        folder: where that file is, with its pictures.
    """
    comparisons = report["comparisons"]
    first = comparisons[0]
    names = [first["a"], *(comparison["b"] for comparison in comparisons)]
    facts = [(f"{first['images']:,}", f"{first['split']} images")]
    facts += [(f"{first['groups']:,}", "groups, resampled whole")] if first.get("groups") else []
    facts += [(f"{len(first['seeds_a']) + sum(len(one['seeds_b']) for one in comparisons)}", "runs")]
    facts += [(f"{first['resamples']:,}", "resamples")]
    if len(comparisons) == 1:
        facts += [(number(first.get("detectable")), "least difference of mAP50-95 that could show")]
        facts += [(f"{len(first['flips']):,}", "images that flipped")]
    each = max(1, _PICTURES // len(comparisons))
    sections = [_ranking(report.get("ranking", ())) if len(comparisons) > 1 else ""]
    for comparison in comparisons:
        sections += _sections(comparison, folder, each, several=len(comparisons) > 1)
    verdicts = {comparison["verdict"] for comparison in comparisons}
    return Page(
        title=f"Comparison: {', '.join(names)}",
        name=f"{names[0]} against {', '.join(names[1:])}",
        about=f"mAP50-95 of the first minus that of the other{'s' * (len(names) > 2)}, on {first['split']}",
        tone=_TONES.get(verdicts.pop(), "fair") if len(verdicts) == 1 else "plain",
        verdict="; ".join(comparison["sentence"] for comparison in comparisons),
        facts=facts,
        sections=sections,
    )


def _ranking(rows: Sequence[Mapping[str, Any]]) -> str:
    listed = [
        (
            escape(row["name"]),
            str(row["seeds"]),
            number(row["map50_95"]),
            number(row["spread"]),
            number(row["map50"]),
            escape(row["first"] or "–"),
            number(row["p_holm"]),
        )
        for row in rows
    ]
    head = ("", "runs", "mAP50-95", "spread", "mAP50", "the first is", "p, corrected")
    return section("All of them", table(head, listed, kind="numbers even"))


def _sections(comparison: Mapping[str, Any], folder: Path, pictures: int, *, several: bool) -> list[str]:
    names = str(comparison["a"]), str(comparison["b"])
    against = f": {names[0]} against {names[1]}" if several else ""
    overall = {"mAP50-95": comparison["map50_95"], "mAP50": comparison["map50"]}
    level = f"{100 * comparison['level']:g} % intervals. {INTERVAL}"
    return [
        section(f"Overall{against}", difference_table(names, overall), about=level),
        section(f"By class{against}", difference_table(names, comparison["by_class"]), about="AP50-95."),
        section(
            f"By size{against}",
            difference_table(names, comparison["by_size"]),
            about="mAP50-95, COCO's areas and rule.",
        ),
        section(f"What this rests on{against}", said(comparison["notes"]) + _runs(comparison, names)),
        _flips(comparison, names, folder, pictures, against),
    ]


def _runs(comparison: Mapping[str, Any], names: tuple[str, str]) -> str:
    """mAP50-95 of each run."""
    rows = [
        (escape(name), escape(str(model)), number(score))
        for name, models, scores in zip(
            names, comparison["models"], (comparison["seeds_a"], comparison["seeds_b"]), strict=True
        )
        for model, score in zip(models, scores, strict=True)
    ]
    return table(("", "run", "mAP50-95"), rows, kind="even")


def _flips(comparison: Mapping[str, Any], names: tuple[str, str], folder: Path, most: int, against: str) -> str:
    """The images with most changes: truth, what the first says, what the second says."""
    flips = comparison["flips"]
    title = f"Images that flipped{against}"
    if not flips:
        return section(title, '<p class="soft">None: both come to the same on every image.</p>')
    shown = "".join(
        _figure(folder, path, flip, names)
        for path, flip in zip(comparison.get("pictures", ())[:most], flips, strict=False)
    )
    rows = [
        (escape(Path(flip["image"]).name), *(str(flip[key]) for key in ("gained", "lost", "false_a", "false_b")))
        for flip in flips[:_LISTED]
    ]
    head = ("image", *(escape(f"found by {name} only") for name in names))
    head += tuple(escape(f"false alarms of {name} only") for name in names)
    left = len(flips) - len(rows)
    listed = table(head, rows, kind="numbers even") + (f'<p class="soft">and {left:,} more</p>' if left > 0 else "")
    at = ", ".join(f"{name} above {value:.3f}" for name, value in zip(names, comparison["thresholds"], strict=True))
    side = f" Left what is true, then what {names[0]} says, then {names[1]}." if shown else ""
    return section(
        title, (f'<div class="album wide">{shown}</div>' if shown else "") + listed, about=f"Counted: {at}.{side}"
    )


def _figure(folder: Path, path: str, flip: Mapping[str, Any], names: tuple[str, str]) -> str:
    """A picture that was made of a flip, small enough for a page; nothing if it is gone."""
    place, told, name = Path(path), _told(flip, names), Path(flip["image"]).name
    here = folder / place.parent.name / place.name  # the folder may have been moved
    shot = shrunk(here if here.is_file() else place, f"{told}; {name}", longest=_WIDTH)
    if not shot:
        return ""
    return (
        f"<figure>{shot}<figcaption><b>{escape(told)}</b>"
        f'<span class="file" title="{escape(flip["image"])}">{escape(name)}</span></figcaption></figure>'
    )


def _told(flip: Mapping[str, Any], names: tuple[str, str]) -> str:
    """What the two do differently on an image."""
    first, second = names
    alarms = [f"{n} false alarm{'s' * (n != 1)}" for n in (flip["false_a"], flip["false_b"])]
    sentences = {
        f"{first} finds {flip['gained']} that {second} misses": flip["gained"],
        f"{second} finds {flip['lost']} that {first} misses": flip["lost"],
        f"{alarms[0]} of {first} only": flip["false_a"],
        f"{alarms[1]} of {second} only": flip["false_b"],
    }
    return ", ".join(sentence for sentence, count in sentences.items() if count)
