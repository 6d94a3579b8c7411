"""``yolo-tl doctor``: what is installed, what is missing, where weights are looked for."""

from __future__ import annotations

import click

from yolo_tl import api
from yolo_tl.cli.options import debug_option, emit_json, json_option, table


@click.command("doctor")
@json_option
@debug_option
def command(as_json: bool) -> None:
    """Tell what is installed, which extras are missing, what hardware is there and where weights are looked for."""
    report = api.doctor()
    if as_json:
        emit_json(report)
        return
    click.echo(table([(name, version or "missing") for name, version in report["packages"].items()], ("package", "")))
    click.echo()
    click.echo(table([(name, state) for name, state in report["extras"].items()], ("extra", "")))
    click.echo()
    click.echo(table(list(report["hardware"].items()), ("hardware", "")))
    click.echo("\nweights are looked for in: " + ", ".join(report["weights"]["folders"]))
    click.echo("found there: " + (", ".join(report["weights"]["found"]) or "none"))
