"""``yolo-tl cross-validate``: k-fold training and one score from all labelled images."""

from __future__ import annotations

from typing import Any

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
    recipe_words,
    table,
    trust_option,
    weights_option,
)
from yolo_tl.cli.progress import SeriesProgress
from yolo_tl.cli.reading import group_by_option
from yolo_tl.cli.terminal import next_step, show
from yolo_tl.config import TrainConfig


def render(result: api.CrossValidation) -> str:
    """Each class and each fold, then the one score that counts."""
    m, intervals = result.metrics, result.intervals
    classes = [(c.name, c.images, c.instances, c.precision, c.recall, c.ap50, c.ap50_95) for c in m.per_class]
    folds = [(f.run.name, f.images, f.instances, f.map50, f.map50_95, f.selected) for f in result.folds]
    interval = "no interval: nothing to resample"
    if intervals is not None:
        interval = f"95 % interval [{intervals.map50_95.low:.3f}, {intervals.map50_95.high:.3f}]"
    return "\n".join(
        [
            table(classes, ("class", "images", "instances", "precision", "recall", "AP50", "AP50-95")),
            "",
            table(folds, ("", "images", "instances", "mAP50", "mAP50-95", "best.pt")),
            "",
            "Scored with last.pt; best.pt was selected on the images of its fold, so it reads too high.",
            *(f"note: {note}" for note in result.notes),
            f"folds: mean mAP50-95 {result.mean:.3f}, standard deviation {result.spread:.3f}",
            f"mAP50-95 {m.map50_95:.3f}, {interval}, from {m.images} images, none seen by the network that scored it",
        ]
    )


@click.command(
    "cross-validate",
    cls=Command,
    examples=[
        (
            "yolo-tl cross-validate datasets/parts --weights yolo26n.pt --out runs/folds",
            "five folds; said again, it goes on",
        ),
        (
            "yolo-tl cross-validate datasets/parts --weights yolo26n.pt --out runs/folds --folds 3 --epochs 30",
            "fewer and shorter",
        ),
    ],
)
@click.argument("data", type=click.Path())
@weights_option
@click.option("--out", "-o", type=click.Path(), required=True, help="Folder for the runs and the result.")
@click.option("--folds", type=int, default=5, show_default=True, help="How many.")
@preset_option
@config_option
@config_options(TrainConfig, leave_out=["seed"])
@group_by_option
@click.option(
    "--near-duplicates/--no-near-duplicates",
    default=True,
    show_default=True,
    help="Look for near-duplicates and keep them in one fold.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Decides between equally good folds; see --set seed."
)
@overwrite_option
@trust_option
@json_option
def command(data: str, weights: str, out: str, as_json: bool, **options: Any) -> None:
    """Train one run for each fold of the train and val images of DATA, and score all of them together.

    Said again, it goes on where it was stopped. The test split is left alone.
    """
    result = api.cross_validate(data, weights, out, listener=SeriesProgress(), **options)
    emit_json(result.to_json()) if as_json else show(render(result))
    next_step("train", data, "--weights", weights, *recipe_words(**options))
