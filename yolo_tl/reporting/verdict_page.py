"""Whether transfer helps, as one HTML file: the difference to random weights, what was tried, what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from yolo_tl.reporting.bars import score_bar
from yolo_tl.reporting.differences import INTERVAL, difference_table
from yolo_tl.reporting.markup import number, said, section, table
from yolo_tl.reporting.page import Page

_TONES = {"use this": "good", "no difference": "fair", "negative transfer": "bad"}


def verdict_page(verdict: Mapping[str, Any]) -> Page:
    """The page of a verdict.

    Args:
        verdict: `evaluation.verdict.Verdict` as JSON.
    """
    comparison = verdict["comparison"]
    names = str(comparison["a"]), str(comparison["b"])
    share = verdict["share"]
    facts = [
        (f"{verdict['epochs']} / {verdict['full_epochs']}", "epochs, of a full run"),
        (f"{verdict['steps']:,}", "optimizer steps each"),
        (str(len(verdict["seeds"])), "seeds"),
        (str(len(verdict["candidates"])), "candidates"),
        (f"{verdict['cpu_seconds']:,.0f}", "CPU-seconds"),
        ("–" if share is None else f"{share:.0%}", "of training all in full"),
        (f"{comparison['images']:,}", f"{comparison['split']} images"),
    ]
    overall = {"mAP50-95": comparison["map50_95"], "mAP50": comparison["map50"]}
    level = f"{names[0]} minus {names[1]}, {100 * comparison['level']:g} % intervals. {INTERVAL}"
    return Page(
        title="Verdict on transfer",
        name="Verdict on transfer",
        about=", ".join(start["weights"] for start in verdict["starts"]),
        tone="fair" if verdict["flagged"] and verdict["outcome"] == "use this" else _TONES[verdict["outcome"]],
        verdict=verdict["sentence"],
        facts=facts,
        sections=[
            section("Against random weights", difference_table(names, overall), about=level),
            section("By class", difference_table(names, comparison["by_class"]), about="AP50-95."),
            section(
                "By size", difference_table(names, comparison["by_size"]), about="mAP50-95, COCO's areas and rule."
            ),
            _candidates(verdict),
            *(_start(start) for start in verdict["starts"]),
            section("What this rests on", said(verdict["notes"], kind="warning" if verdict["flagged"] else "")),
        ],
    )


def _candidates(verdict: Mapping[str, Any]) -> str:
    """What was trained: its score after each rung, why it was dropped, what it took."""
    rungs = sorted({int(epochs) for one in verdict["candidates"] for epochs in one["scores"]})
    final = {verdict["transfer"]: "compared", verdict["scratch"]: "compared"}
    rows = []
    for one in verdict["candidates"]:
        scores = {int(epochs): score for epochs, score in one["scores"].items()}
        best = max(scores.values(), default=0.0)
        became = one["dropped"] or final.get(one["key"], "")
        became += ", ahead" if one["key"] == verdict["winner"] else ""
        rows.append(
            (
                f'<span title="{escape(one["weights"])}">{escape(one["name"])}</span>',
                *(number(scores.get(epochs)) for epochs in rungs),
                f"{one['cpu_seconds']:,.0f}",
                f"{one['full_cpu_seconds']:,.0f}",
                escape(became),
                _score(best),
            )
        )
    head = (
        "start, recipe",
        *(f"{epochs} epochs" for epochs in rungs),
        "CPU-seconds",
        "in full, about",
        "what became of it",
        "mAP50-95",
    )
    about = f"mAP50-95 on {verdict['comparison']['split']} of the first seed; the worse half goes no further."
    return section("What was tried", table(head, rows, kind="numbers even"), about=about)


def _score(value: float) -> str:
    """The bar alone; the number stands beside it."""
    return score_bar(value, None).partition("<span>")[0]


def _start(start: Mapping[str, Any]) -> str:
    """What the features of the weights tell apart before training, level by level."""
    random: Sequence[float] = start["random"]
    words = "better than" if start["informative"] else "no better than"
    about = (
        f"LogME of objects against background, over the levels that the head reads: {start['score']:.3f}; of networks "
        f"with random weights {min(random):.3f} to {max(random):.3f}. Its features tell objects from background "
        f"{words} theirs."
    )
    rows = [
        (escape(one["name"]), number(one["objects"]), number(one["classes"]), number(one["h_score"]))
        for one in start["levels"]
    ]
    head = ("level", "LogME, objects", "LogME, classes", "H-score")
    dropped = said([f"Not trained: {start['dropped']}."], kind="warning") if start["dropped"] else ""
    title = f"Before training: {Path(start['weights']).name}"
    return section(title, dropped + table(head, rows, kind="numbers even"), about=about)
