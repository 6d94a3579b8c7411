"""``yolo-tl fix``: a repaired copy of a data set."""

from __future__ import annotations

from typing import Any

import click

from yolo_tl import api
from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command, given
from yolo_tl.cli.options import counts, emit_json, json_option, overwrite_option, table
from yolo_tl.cli.terminal import next_step, show


@click.command(
    "fix",
    cls=Command,
    examples=[
        ("yolo-tl fix datasets/parts datasets/parts-fixed --dry-run", "what would be repaired"),
        ("yolo-tl fix datasets/parts datasets/parts-fixed --unlabelled drop", "leave out images without a label file"),
    ],
)
@click.argument("data", type=click.Path())
@click.argument("out", type=click.Path())
@click.option("--task", type=Choice(["detect", "segment", "obb", "pose"]), help="Default: what most rows are.")
@click.option(
    "--unlabelled",
    type=Choice(["background", "drop", "error"]),
    default="background",
    show_default=True,
    help="What an image without a label file is.",
)
@click.option(
    "--duplicates",
    type=Choice(["drop", "keep"]),
    default="drop",
    show_default=True,
    help="Copies of images in one split; those between train and val or test always go.",
)
@click.option(
    "--link",
    type=Choice(["auto", "hardlink", "symlink", "copy"]),
    default="auto",
    show_default=True,
    help="How images get into the new data set.",
)
@click.option("--workers", type=int, default=1, show_default=True, help="Processes; 0: one for each core.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@overwrite_option
@json_option
def command(data: str, out: str, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Write a repaired copy of the YOLO data set DATA to OUT; DATA is not touched."""
    report = api.fix(data, out, dry_run=dry_run, **options)
    if as_json:
        emit_json(report.to_json())
        return
    if report.actions:
        first = {f"{f['action']} {f['what']}: {f['reason'].replace('_', ' ')}": f for f in reversed(report.fixes)}
        rows = [(action, count, _place(first[action])) for action, count in report.actions.items()]
        show(table(rows, ("repaired", "times", "first")) + "\n")
    else:
        show("nothing had to be repaired\n")
    show(f"{report.task}: {report.images:,} images ({counts(report.splits)}), {report.boxes:,} objects")
    show(f"{report.data}" + (" (dry run, nothing written)" if dry_run else "; every repair is in fixes.json"))
    if dry_run:
        next_step("fix", *given(without="--dry-run"))
    else:
        next_step("check", out)


def _place(entry: dict[str, Any]) -> str:
    place = f":{entry['line']}" if entry["line"] else f" {entry['place']}".rstrip()
    return f"{entry['file']}{place} {entry['detail']}".rstrip()
