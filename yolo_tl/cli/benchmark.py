"""``yolo-tl benchmark``: how long models take, beside each other and beside Ultralytics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import emit_json, json_option, table
from yolo_tl.cli.terminal import show

if TYPE_CHECKING:
    from yolo_tl.latency import Latency

HEADER = (
    "model", "run by", "p50 ms", "p95 ms", "p99 ms", "images/s", "CPU ms", "CPU ratio", "start CPU s", "MB", "peak MB"
)  # fmt: skip


def render(found: Sequence[Latency]) -> str:
    """One line for each model and what ran it."""
    rows = [
        (
            Path(entry.model).name,
            entry.engine,
            *(f"{value:.1f}" for value in (entry.p50, entry.p95, entry.p99, entry.images_per_s, entry.cpu)),
            f"{entry.ratio:.2f} [{entry.ratio_range[0]:.2f}, {entry.ratio_range[1]:.2f}]",
            f"{entry.start_cpu:.2f}",
            *("-" if value is None else f"{value:.0f}" for value in (entry.memory, entry.peak)),
        )
        for entry in found
    ]
    return table(rows, HEADER)


@click.command(
    "benchmark",
    cls=Command,
    examples=[
        (
            "yolo-tl benchmark runs/parts/bundle runs/parts/weights/best.pt --images datasets/parts/images/val",
            "a bundle beside its checkpoint",
        ),
        (
            "yolo-tl benchmark fp32 int8 --images datasets/parts/images/val --no-peer --threads 1",
            "two bundles on one thread",
        ),
    ],
)
@click.argument("models", nargs=-1, required=True, type=click.Path())
@click.option(
    "--images", required=True, type=click.Path(), help="Images to run on: a file, a folder, a pattern, a video."
)
@click.option("--peer/--no-peer", default=True, show_default=True, help="Measure Ultralytics on the same files, too.")
@click.option("--rounds", default=10, show_default=True, help="Turns of each model.")
@click.option("--runs", default=10, show_default=True, help="Batches of a turn.")
@click.option("--batch", default=1, show_default=True, help="Images at once.")
@click.option("--threads", type=int, help="CPU threads; by default each engine decides.")
@click.option("--limit", default=32, show_default=True, help="Images that are used.")
@json_option
def command(models: tuple[str, ...], images: str, as_json: bool, **options: Any) -> None:
    """Measure latency, throughput, processor time and memory of MODELS.

    MODELS are bundles, exported networks and checkpoints. Each runs in a process of its own, in turns. Times are of
    an image in memory to what was found in it. The ratio is of processor times, to the first model, paired by turn.
    """
    found = api.benchmark(models, images, **options)
    emit_json({"models": [entry.to_json() for entry in found]}) if as_json else show(render(found))
