"""``yolo-tl report``: one HTML file to look at."""

from __future__ import annotations

from typing import Any

import click

from yolo_tl.api import reports
from yolo_tl.cli.options import batch_option, debug_option, device_option, emit_json, json_option, trust_option


@click.command("report")
@click.argument("what", type=click.Path())
@click.option("--out", "-o", type=click.Path(), help="The file; default: report.html where the rest is.")
@click.option("--split", type=click.Choice(["val", "test", "train"]), help="Of a run: predict this split, show that.")
@click.option("--data", type=click.Path(), help="With --split: other data than the run was trained on.")
@batch_option
@device_option
@trust_option
@json_option
@debug_option
def command(what: str, out: str | None, as_json: bool, **options: Any) -> None:
    """Write a page about WHAT: a run folder, or what compare, verdict or qualify wrote."""
    path = reports.report(what, out, **options)
    emit_json({"report": str(path)}) if as_json else click.echo(path)
