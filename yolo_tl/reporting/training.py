"""What a run did and why, as sections of its page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from yolo_tl.engine.curves import curves_svg
from yolo_tl.engine.run_record import RunRecord
from yolo_tl.reporting.markup import commands, folded, said, section, shown, table
from yolo_tl.reporting.shrunk import shrunk

_PICTURE_PX = 1280
_ELSEWHERE = {"stages", "freeze"}  # decisions that the page shows in other words
_FOUND_AGAIN = {"default", "preset", "plan", "out"}  # first words of sources; the last is ``out of memory``
_STAGE_SAYS = {
    "Frozen": "freeze",
    "Rate factors": "lr",
    "BatchNorm": "bn",
    "Image side": "imgsz",
    "Patience, epochs": "patience",
}


def about(record: RunRecord) -> str:
    """Which network was trained from which weights on which data."""
    plan = record.plan
    start = "" if plan.get("pretrained", True) else ", from random weights"
    preset = f", preset {plan['preset']}" if plan.get("preset") else ""
    return f"{plan.get('network', 'network')} from {plan.get('weights')}{start}{preset}, on {data_of(record)}"


def facts(record: RunRecord) -> list[tuple[str, str]]:
    """How long, how many, how large."""
    epochs, images = record.history.epochs, record.plan.get("data", {}).get("images", {})
    found = [(f"{int(epochs[-1]) if len(epochs) else 0} / {shown(record.decided('epochs'))}", "epochs")]
    found += [(shown(record.plan.get("budget", {}).get("steps")), "optimizer steps planned")]
    found += [(f"{count:,}", f"{split} images") for split, count in images.items()]
    found += [(f"{record.decided('imgsz')} px", "input"), (shown(record.decided("batch")), "images a batch")]
    if "cpu_seconds" in record.metrics:
        found.append((f"{record.metrics['cpu_seconds']:,.0f}", "CPU-seconds"))
    return found


def warnings(record: RunRecord) -> str:
    """What the plan said about the classes, and what it warned of."""
    classes = record.plan.get("classes", {})
    notes = [str(text) for text in (classes.get("known"), *classes.get("notes", ())) if text]
    warned = [str(text) for text in record.plan.get("warnings", ())]
    return section("Said before it began", said(notes) + said(warned, kind="warning"))


def curves(record: RunRecord) -> str:
    """Losses, scores and rates by epoch."""
    drawn = "".join(
        f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>" for title, svg in curves_svg(record).items()
    )
    return f'<section class="curves" aria-label="Curves">{drawn}</section>'


def stages(record: RunRecord) -> str:
    """The stages on a line, as long as their epochs."""
    rows = []
    for stage in record.stages:
        first, last = stage["first"], stage["last"]
        items = {label: stage.get(key) for label, key in _STAGE_SAYS.items()}
        told = "".join(
            f"<div><dt>{label}</dt><dd>{escape(shown(value))}</dd></div>"
            for label, value in items.items()
            if value is not None
        )
        epochs = f"epoch {first}" if first == last else f"epochs {first} to {last}"
        rows.append(
            f'<li style="flex-grow:{max(last - first + 1, 1)}"><b>{escape(str(stage["name"]))}</b>'
            f"<span>{epochs}</span><dl>{told}</dl></li>"
        )
    return section("Stages", f'<ol class="stages">{"".join(rows)}</ol>')


def batch(record: RunRecord) -> str:
    """The picture of a batch as the network was shown it."""
    shot = shrunk(record.folder / "batch.jpg", "Training images with their boxes, augmented", longest=_PICTURE_PX)
    return section("A batch as the network sees it", shot, kind="batch")


def decisions(record: RunRecord) -> str:
    """What somebody or something decided; the defaults are folded away."""
    made: list[Sequence[str]] = []
    left: list[Sequence[str]] = []
    for key, decision in record.plan["decisions"].items():
        if key in _ELSEWHERE:
            continue
        source, reason = str(decision.get("source", "")), str(decision.get("reason", ""))
        tag = f'<i class="{escape(source.partition(" ")[0])}">{escape(source)}</i>'
        row = f"<code>{escape(key)}</code>", escape(shown(decision.get("value"))), tag, escape(reason)
        (left if source == "default" and not reason else made).append(row)
    head = ("decision", "value", "source", "why")
    content = table(head, made, kind="decisions")
    if left:
        rest = table(head[:2], [row[:2] for row in left], kind="decisions")
        content += folded(f"{len(left)} settings left at their defaults", rest)
    return section("Decisions", content)


def environment(values: Mapping[str, Any]) -> str:
    """Versions and devices."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(value if isinstance(value, Mapping) else {key: value})
    rows = [(escape(str(key)), escape(shown(value))) for key, value in flat.items()]
    return section("Environment", table((), rows))


def next_steps(record: RunRecord) -> str:
    """Commands: how to go on, and how to come to the same run again."""
    run, best, data = record.folder, str(record.folder / "weights" / "best.pt"), data_of(record)
    if not record.finished:
        wanted = [("Go on where it stopped", ["resume", str(run)])]
    else:
        split = "test" if record.plan.get("data", {}).get("images", {}).get("test") else "val"
        wanted = [
            (f"Score it on {split}", ["evaluate", best, data, "--split", split]),
            ("Look at what it finds", ["predict", best, "IMAGES", "--out", str(run / "predictions")]),
            ("Take it to the edge", ["export", best, "--data", data, "--out", str(run / "bundle")]),
            ("Train on", ["resume", str(run), "--epochs", "+20"]),
        ]
    return section("How to go on", commands([*wanted, *_again(record)]))


def _again(record: RunRecord) -> list[tuple[str, list[str]]]:
    """How to reproduce the run: what a person or a file decided; the rest follows from the same data and weights."""
    if not record.plan.get("preset"):
        return []
    words = ["train", data_of(record), "--weights", str(record.plan.get("weights")), "--preset", record.plan["preset"]]
    for key, decision in record.plan["decisions"].items():
        if str(decision.get("source", "")).partition(" ")[0] not in _FOUND_AGAIN:
            words += ["--set", f"{key}={json.dumps(decision.get('value'), ensure_ascii=False)}"]
    return [("Do the same again", words)]


def data_of(record: RunRecord) -> str:
    """The data.yaml that was trained on."""
    return str(record.plan.get("data", {}).get("path", ""))
