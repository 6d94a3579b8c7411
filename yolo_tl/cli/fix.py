"""``yolo-tl fix``: a repaired copy of a data set."""

from __future__ import annotations

from typing import Any

import click

from yolo_tl import api
from yolo_tl.cli.options import counts, debug_option, emit_json, json_option, overwrite_option, table


@click.command("fix")
@click.argument("data", type=click.Path())
@click.argument("out", type=click.Path())
@click.option("--task", type=click.Choice(["detect", "segment", "obb", "pose"]), help="Default: what most rows are.")
@click.option(
    "--unlabelled",
    type=click.Choice(["background", "drop", "error"]),
    default="background",
    show_default=True,
    help="What an image without a label file is.",
)
@click.option(
    "--duplicates",
    type=click.Choice(["drop", "keep"]),
    default="drop",
    show_default=True,
    help="Copies of images in one split; those between train and val or test always go.",
)
@click.option(
    "--link",
    type=click.Choice(["auto", "hardlink", "symlink", "copy"]),
    default="auto",
    show_default=True,
    help="How images get into the new data set.",
)
@click.option("--workers", type=int, default=1, show_default=True, help="Processes; 0: one for each core.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@overwrite_option
@json_option
@debug_option
def command(data: str, out: str, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Write a repaired copy of the YOLO data set DATA to OUT; DATA is not touched."""
    report = api.fix(data, out, dry_run=dry_run, **options)
    if as_json:
        emit_json(report.to_json())
        return
    if report.actions:
        first = {f"{f['action']} {f['what']}: {f['reason'].replace('_', ' ')}": f for f in reversed(report.fixes)}
        rows = [(action, count, _place(first[action])) for action, count in report.actions.items()]
        click.echo(table(rows, ("repaired", "times", "first")) + "\n")
    else:
        click.echo("nothing had to be repaired\n")
    click.echo(f"{report.task}: {report.images:,} images ({counts(report.splits)}), {report.boxes:,} objects")
    click.echo(f"{report.data}" + (" (dry run, nothing written)" if dry_run else "; every repair is in fixes.json"))


def _place(entry: dict[str, Any]) -> str:
    place = f":{entry['line']}" if entry["line"] else f" {entry['place']}".rstrip()
    return f"{entry['file']}{place} {entry['detail']}".rstrip()
