"""``yolo-tl report``: one HTML file to look at."""

from __future__ import annotations

from typing import Any

import click

from yolo_tl import api
from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import batch_option, device_option, emit_json, json_option, trust_option
from yolo_tl.cli.terminal import show


@click.command(
    "report",
    cls=Command,
    examples=[
        ("yolo-tl report runs/parts", "the page of a run, anew"),
        ("yolo-tl report runs/parts --split test --out test.html", "with the test images"),
        ("yolo-tl report runs/verdict", "of a verdict"),
    ],
)
@click.argument("what", type=click.Path())
@click.option("--out", "-o", type=click.Path(), help="The file; default: report.html where the rest is.")
@click.option("--split", type=Choice(["val", "test", "train"]), help="Of a run: predict this split, show that.")
@click.option("--data", type=click.Path(), help="With --split: other data than the run was trained on.")
@batch_option
@device_option
@trust_option
@json_option
def command(what: str, out: str | None, as_json: bool, **options: Any) -> None:
    """Write a page about WHAT: a run folder, or what compare, verdict or qualify wrote."""
    path = api.report(what, out, **options)
    emit_json({"report": str(path)}) if as_json else show(str(path))
