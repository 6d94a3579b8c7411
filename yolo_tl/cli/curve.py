"""``yolo-tl curve``: scores over the number of training images, and what more of them would bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import (
    config_option,
    config_options,
    emit_json,
    json_option,
    overwrite_option,
    preset_option,
    table,
    trust_option,
    weights_option,
)
from yolo_tl.cli.progress import SeriesProgress
from yolo_tl.cli.terminal import show
from yolo_tl.config import TrainConfig
from yolo_tl.errors import ConfigError

if TYPE_CHECKING:
    from yolo_tl.evaluation import Interval


def render(curve: api.LearningCurve) -> str:
    """Each size, what the law says of twice as many images, then the sentence that counts."""
    rows = [(size.images, size.runs, size.score, _shown(size.interval)) for size in curve.sizes]
    lines = [table(rows, ("images", "runs", "mAP50-95", "95 % interval")), ""]
    if curve.fit is not None:
        law, double = curve.fit.law, 2 * curve.sizes[-1].images
        value, inside = curve.fit.at(double)
        lines.append(
            f"law: {law.a:.3f} - {law.b:.3f} · images^-{law.c:.2f}; {double} images: {value:.3f} {_shown(inside)}"
        )
    lines += [f"note: {note}" for note in curve.notes]
    steps = [point.steps for point in curve.points]
    taken = f"{min(steps)}" if min(steps) == max(steps) else f"{min(steps)} to {max(steps)}"
    lines.append(f"{len(steps)} runs of {taken} steps, {curve.cpu_seconds:.0f} CPU-s, scored with last.pt")
    return "\n".join([*lines, f"picture: {curve.picture}", curve.sentence])


def parse_sizes(text: str | None) -> list[int] | None:
    """``25,50,100`` → numbers of images.

    >>> parse_sizes("25, 50,100")
    [25, 50, 100]
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(f"--sizes {text}: expected numbers of images", hint="for example 25,50,100,205")
    return [int(part) for part in parts]


def _shown(interval: Interval) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]"


@click.command(
    "curve",
    cls=Command,
    examples=[
        ("yolo-tl curve datasets/parts --weights yolo26n.pt", "an eighth, a quarter, half and all of the images"),
        (
            "yolo-tl curve datasets/parts --weights yolo26n.pt --sizes 25,50,100 --gain 0.01 --epochs 30",
            "sizes of your own, a smaller gain",
        ),
    ],
)
@click.argument("data", type=click.Path())
@weights_option
@click.option(
    "--out", "-o", type=click.Path(), default="runs/curve", show_default=True, help="Folder for runs and result."
)
@click.option("--sizes", metavar="N,N,...", help="Training images; default: an eighth, a quarter, half and all.")
@click.option("--repeats", type=int, default=3, show_default=True, help="Runs of each size but the whole.")
@click.option("--steps", type=int, help="Optimizer steps of every run; default: those of the recipe on all images.")
@click.option("--gain", type=float, default=0.02, show_default=True, help="Rise of mAP50-95 that is asked about.")
@preset_option
@config_option
@config_options(TrainConfig)
@overwrite_option
@trust_option
@json_option
def command(data: str, weights: str, sizes: str | None, as_json: bool, **options: Any) -> None:
    """Train on growing subsets of the training images of DATA, and say how many more images are worth it.

    Every run takes the same number of optimizer steps. Said again, it goes on where it was stopped.
    """
    result = api.curve(data, weights, sizes=parse_sizes(sizes), listener=SeriesProgress(), **options)
    emit_json(result.to_json()) if as_json else show(render(result))
