"""``yolo-tl diff``: what is different between two data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import emit_json, json_option, table
from yolo_tl.cli.terminal import show

if TYPE_CHECKING:
    from yolo_tl.data.differences import Differences


def render(found: Differences, limit: int) -> str:
    """The numbers, then the first changes of each kind."""
    lines = [
        f"images   {found.images[0]} → {found.images[1]}",
        f"objects  {found.objects[0]} → {found.objects[1]}",
        "",
        table(found.counts.items(), ("change", "count")),
    ]
    for kind, count in found.counts.items():
        lines.append(f"\n{kind}")
        shown = [change for change in found.changes if change.kind == kind][:limit]
        lines += (f"  {change.image}  {change.detail}" if change.image else f"  {change.detail}" for change in shown)
        if count > limit:
            lines.append(f"  ... and {count - limit} more")
    return "\n".join(lines)


@click.command(
    "diff",
    cls=Command,
    examples=[
        ("yolo-tl diff datasets/parts datasets/parts-fixed", "what a repair changed"),
        ("yolo-tl diff datasets/old datasets/new --json", "every change, for a program"),
    ],
)
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@click.option("--limit", type=click.IntRange(min=0), default=10, show_default=True, help="Changes shown of each kind.")
@json_option
@click.pass_context
def command(context: click.Context, a: str, b: str, limit: int, as_json: bool) -> None:
    """Compare the data sets A and B (each a data.yaml or its folder) by image and object.

    The exit code is that of diff: 0 if they are the same, 1 if they differ.
    """
    found = api.diff(a, b)
    if as_json:
        emit_json(found.to_json())
    else:
        show("the same" if found.same else render(found, limit))
    context.exit(0 if found.same else 1)
