"""``yolo-tl preview``: a look at a data set with its labels drawn."""

from __future__ import annotations

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.names import SplitName
from yolo_tl.cli.options import counts, emit_json, json_option
from yolo_tl.cli.terminal import show


@click.command(
    "preview",
    cls=Command,
    examples=[
        ("yolo-tl preview datasets/parts --out preview.jpg", "twelve images with their labels"),
        (
            "yolo-tl preview datasets/parts --out preview.html --class scratch --split val",
            "a page of one class in one split",
        ),
    ],
)
@click.argument("data", type=click.Path())
@click.option("--out", "-o", required=True, type=click.Path(), help="The file to write: .png, .jpg or .html.")
@click.option("--count", type=int, help="Images shown; 12 on a picture, 120 on a page by default.")
@click.option("--split", type=SplitName(), help="Only images of this split.")
@click.option("--class", "classes", multiple=True, help="Only images with this class. Can be repeated.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which images are shown.")
@json_option
def command(
    data: str, out: str, count: int | None, split: str | None, classes: tuple[str, ...], seed: int, as_json: bool
) -> None:
    """Draw images of DATA (a data.yaml or its folder) with their labels, and histograms of classes and sizes."""
    report = api.preview(data, out, count=count, split=split, classes=classes, seed=seed)
    if as_json:
        emit_json(report.to_json())
        return
    lines = [
        f"images   {sum(report.images.values())} ({counts(report.images)}), {report.shown} shown",
        f"objects  {counts(report.objects)}",
        f"sizes    {counts(report.sizes)}",
        *([f"unreadable images  {report.unreadable}"] if report.unreadable else []),
        f"\n{report.out}",
    ]
    show("\n".join(lines))
