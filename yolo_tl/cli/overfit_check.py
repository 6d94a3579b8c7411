"""``yolo-tl overfit-check``: whether a few labelled images can be learnt at all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import (
    emit_json,
    json_option,
    recipe_words,
    set_option,
    table,
    trust_option,
    weights_option,
)
from yolo_tl.cli.terminal import next_step, say, show
from yolo_tl.errors import NotLearnable
from yolo_tl.presets import parse_assignment

_SHOWN = 20


def summary(report: api.OverfitReport) -> str:
    """``learnt after 40 steps: 4 images, 31 boxes, mAP50 0.98``."""
    words = "learnt after" if report.learnt else "not learnt in"
    counted = f"{len(report.images)} images, {report.boxes} boxes"
    elsewhere = "" if report.elsewhere is None else f"; {report.elsewhere:.2f} on other training images"
    return f"{words} {report.steps} steps: {counted}, mAP50 {report.map50:.2f}{elsewhere}"


def render(report: api.OverfitReport) -> str:
    """What was not learnt, and what speaks for why."""
    lines = []
    if report.missed:
        rows = [(Path(m.image).name, m.name, " ".join(f"{v:.0f}" for v in m.box), m.cause) for m in report.missed]
        lines += [table(rows[:_SHOWN], ("image", "class", "box, px", "not learnt because")), ""]
        lines += [f"... and {len(rows) - _SHOWN} more", ""] if len(rows) > _SHOWN else []
        by_class = Counter(m.name for m in report.missed)
        lines.append("not learnt: " + ", ".join(f"{count} {name}" for name, count in by_class.most_common()))
    if report.extra:
        lines.append(f"found where it is not labelled: {report.extra} (are objects left unlabelled?)")
    lines += [f"{finding.id}: {finding.message}\n  → {finding.hint}" for finding in report.findings]
    lines += [f"picture: {report.picture}"] if report.picture else []
    if report.uncovered:
        lines.append(f"classes that these images do not show: {', '.join(report.uncovered)} (try more --images)")
    if report.learnt and not report.passed:
        lines.append(
            "next to nothing of it was found in other training images: labels are not where the objects are, or of "
            "other images; or these were too few to learn from (try --images 16)"
        )
    return "\n".join(lines)


@click.command(
    "overfit-check",
    cls=Command,
    examples=[
        ("yolo-tl overfit-check datasets/parts --weights yolo26n.pt", "a minute, before hours of training"),
        (
            "yolo-tl overfit-check datasets/parts --weights yolo26n.pt --images 16 --out runs/by-heart",
            "more images, and a picture of the worst",
        ),
    ],
)
@click.argument("data", type=click.Path())
@weights_option
@click.option("--images", type=int, default=4, show_default=True, help="How many, chosen to show every class.")
@click.option("--steps", type=int, default=300, show_default=True, help="The most optimizer steps.")
@click.option("--imgsz", type=int, help="Side of the square input, px; default: that of training.")
@click.option("--device", help="cpu, cuda, a CUDA index or auto.")
@set_option
@click.option("--out", "-o", type=click.Path(), help="Folder for a picture of the image that was learnt worst.")
@trust_option
@json_option
def command(
    data: str,
    weights: str,
    imgsz: int | None,
    device: str | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Train on a few training images of DATA until they are known by heart, without augmentation.

    What cannot be learnt so, or is true of no other image, will not be learnt from thousands: the exit code is 3 then.
    """
    given = {key: value for key, value in (("imgsz", imgsz), ("device", device)) if value is not None}
    overrides = {**given, **dict(map(parse_assignment, assignments))}
    report = api.overfit_check(data, weights, overrides=overrides, **options)
    if as_json:
        emit_json(report.to_json())
    elif text := render(report):
        show(text)
    if not report.passed:
        raise NotLearnable(f"{data}: {summary(report)}", hint="look at the labels before training on more of them")
    say(summary(report)) if as_json else show(summary(report))
    next_step("train", data, "--weights", weights, *recipe_words(overrides=overrides))
