"""``yolo-tl doctor``: what is installed, what is missing, where weights are looked for."""

from __future__ import annotations

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import emit_json, json_option, table
from yolo_tl.cli.terminal import next_step, show


@click.command(
    "doctor",
    cls=Command,
    examples=[
        ("yolo-tl doctor", "look here first when something is missing"),
        ("yolo-tl doctor --json", "to attach to a report of a fault"),
    ],
)
@json_option
def command(as_json: bool) -> None:
    """Tell what is installed, which extras are missing, what hardware is there and where weights are looked for."""
    report = api.doctor()
    if as_json:
        emit_json(report)
        return
    show(table([(name, version or "missing") for name, version in report["packages"].items()], ("package", "")))
    show("")
    show(table([(name, state) for name, state in report["extras"].items()], ("extra", "")))
    show("")
    show(table(list(report["hardware"].items()), ("hardware", "")))
    show("\nweights are looked for in: " + ", ".join(report["weights"]["folders"]))
    show("found there: " + (", ".join(report["weights"]["found"]) or "none"))
    if report["extras"]["train"] == "complete":
        next_step("demo")
