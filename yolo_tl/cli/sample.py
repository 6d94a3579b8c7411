"""``yolo-tl sample``: pictures of an inspection line to try everything on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from yolo_tl.api.sampling import sample
from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import counts, emit_json, json_option, overwrite_option
from yolo_tl.cli.terminal import next_step, quiet, show


@click.command(
    "sample",
    cls=Command,
    examples=[
        ("yolo-tl sample parts", "120 pictures with Pascal VOC labels"),
        ("yolo-tl sample parts --format coco --images 400 --size 320", "more and smaller, as COCO"),
        ("yolo-tl sample datasets/parts --format yolo", "ready to train on"),
    ],
)
@click.argument("out", type=click.Path())
@click.option(
    "--format",
    "format_",
    type=Choice(["voc", "coco", "yolo", "labelme", "cvat"]),
    default="voc",
    show_default=True,
    help="Of the annotations; yolo has boxes only and can be trained on, the others have polygons, too.",
)
@click.option("--images", type=int, default=120, show_default=True, help="How many; fewer are the first of more.")
@click.option("--size", type=int, default=640, show_default=True, help="Longer side of the pictures, px.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything that is drawn.")
@overwrite_option
@json_option
def command(out: str, format_: str, images: int, size: int, seed: int, overwrite: bool, as_json: bool) -> None:
    """Draw a data set of metal caps, printed boards and labels into the folder OUT.

    Some of them have defects: scratch, dent, missing, stain. A fifth of the pictures has none; two
    cameras and several lots are told by the file names.
    """
    with _bar(images) as drawn:
        report = sample(out, format=format_, images=images, size=size, seed=seed, overwrite=overwrite, drawn=drawn)
    if as_json:
        emit_json(report.to_json())
        return
    lines = [
        f"images   {sum(report.images.values())} ({counts(report.images)}), {report.backgrounds} without defects",
        f"objects  {counts(report.objects)}",
        f"from     {report.lots} lots, {counts(report.cameras)}",
        f"\n{report.data}",
    ]
    show("\n".join(lines))
    if report.format == "yolo":
        next_step("check", out)
    else:
        next_step("convert", report.data, f"{Path(out)}-yolo")


@contextmanager
def _bar(images: int) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, where that is a terminal."""
    if quiet() or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=max(images, 0), label="drawing", file=sys.stderr) as bar:
        yield lambda done, total: bar.update(1)
