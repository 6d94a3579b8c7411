"""``yolo-tl label-next``: which unlabelled images to label next."""

from __future__ import annotations

from typing import Any

import click

from yolo_tl import api
from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command
from yolo_tl.cli.names import WeightsName
from yolo_tl.cli.options import (
    device_option,
    emit_json,
    json_option,
    overwrite_option,
    table,
    trust_option,
)
from yolo_tl.cli.terminal import say, show

_SHOWN = 20


def render(selection: api.Selection) -> str:
    """The first of the list, each with its reason."""
    rows = [(choice.rank, str(choice.image), choice.score, choice.reason) for choice in selection.choices]
    lines = [table(rows[:_SHOWN], ("", "image", "score", "because"))]
    return "\n".join([*lines, *([f"... and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else [])])


def summary(selection: api.Selection) -> str:
    """What was chosen from what, and what was left out."""
    lines = [f"damaged, left out: {path}" for path in selection.damaged]
    left_out = ((selection.copies, "copies of labelled images"), (selection.twins, "copies of chosen images"))
    lines += [f"left out: {count} {what}" for count, what in left_out if count]
    before = "" if selection.radius_before is None else f" (before: {selection.radius_before:.3f})"
    return "\n".join(
        [
            *lines,
            f"{len(selection.choices)} of {selection.images} images chosen by {selection.method}, beside "
            f"{selection.labelled} labelled; farthest of the rest: {selection.radius:.3f}{before}",
        ]
    )


@click.command(
    "label-next",
    cls=Command,
    examples=[
        ("yolo-tl label-next unlabelled --weights yolo26n.pt --count 50 --out next.csv", "a first batch"),
        (
            "yolo-tl label-next unlabelled --model runs/parts --data datasets/parts --copy-to todo --suggest",
            "what the model is least sure of, with its boxes to correct",
        ),
    ],
)
@click.argument("images", type=click.Path())
@click.option("--model", "-m", type=click.Path(), help="Detector for the task: .pt, run folder, bundle or .onnx.")
@click.option(
    "--weights", "-w", type=WeightsName(), help="Checkpoint that tells images apart, any; default: that of --model."
)
@click.option("--data", type=click.Path(), help="What is labelled already: a data.yaml or its folder.")
@click.option("--count", "-n", type=int, default=50, show_default=True, help="How many images.")
@click.option(
    "--method",
    type=Choice(["k-centre", "uncertainty"]),
    help="How they are chosen; default: uncertainty with a --model, else k-centre.",
)
@click.option("--out", "-o", type=click.Path(), help="File for the list: a table (.csv), or a path a line.")
@click.option("--copy-to", type=click.Path(), help="Folder to make with copies of the chosen images.")
@click.option("--suggest", is_flag=True, help="Put what --model finds beside them, as YOLO labels to correct.")
@device_option
@overwrite_option
@trust_option
@json_option
def command(images: str, as_json: bool, **options: Any) -> None:
    """Choose which of the unlabelled images in the folder IMAGES to label next, the most useful first.

    Near-copies of labelled images, and of one another, are not chosen. IMAGES is not modified.
    """
    selection = api.label_next(images, **options)
    emit_json(selection.to_json()) if as_json else show(render(selection))
    say(summary(selection))
