"""``yolo-tl verdict``: whether weights are worth starting from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.names import WeightsName
from yolo_tl.cli.options import (
    config_option,
    config_options,
    emit_json,
    json_option,
    overwrite_option,
    preset_option,
    table,
    trust_option,
)
from yolo_tl.cli.progress import Progress
from yolo_tl.cli.terminal import next_step, show
from yolo_tl.config import TrainConfig
from yolo_tl.errors import ConfigError

if TYPE_CHECKING:
    from yolo_tl.evaluation.verdict import Candidate, Verdict
    from yolo_tl.transfer.plan import TrainPlan


class RungProgress(Progress):
    """Shows runs without their plans, which differ in little and come by the dozen."""

    def begin(self, plan: TrainPlan) -> None:
        """Nothing; a note has said what runs."""


def render(verdict: Verdict) -> str:
    """The weights as they were, each candidate, and the sentence that counts."""
    levels = [
        (
            start.weights,
            level.name,
            level.objects,
            "" if level.classes is None else f"{level.classes:.3f}",
            level.h_score,
        )
        for start in verdict.starts
        for level in start.levels
    ]
    rows = [(c.name, *_reached(c), f"{c.cpu_seconds:.0f}", c.dropped or "compared") for c in verdict.candidates]
    return "\n".join(
        [
            table(levels, ("weights", "level", "LogME objects", "LogME classes", "H-score")),
            "",
            *(
                start.describe() + (f"; not trained: {start.dropped}" if start.dropped else "")
                for start in verdict.starts
            ),
            "",
            table(rows, ("candidate", "epochs", "mAP50-95", "CPU-s", "")),
            "",
            *(f"note: {note}" for note in verdict.notes),
            f"run: {verdict.run}",
            verdict.describe(),
        ]
    )


def _reached(candidate: Candidate) -> tuple[int, float]:
    epochs = max(candidate.scores)
    return epochs, candidate.scores[epochs]


def _seeds(context: click.Context, option: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"seeds: expected numbers such as 0,1,2, found {text!r}") from None


@click.command(
    "verdict",
    cls=Command,
    examples=[
        ("yolo-tl verdict datasets/parts --weights yolo26n.pt", "is this start worth it?"),
        (
            "yolo-tl verdict datasets/parts --weights yolo26n.pt -w weights/ours.pt --seeds 0,1,2 --out runs/starts",
            "two starts, three seeds",
        ),
    ],
)
@click.argument("data", type=click.Path())
@click.option(
    "--weights",
    "-w",
    required=True,
    multiple=True,
    type=WeightsName(),
    help="Checkpoint path or name; several times for several.",
)
@click.option("--out", "-o", type=click.Path(), help="Folder for the runs and the verdict; default: runs/verdict.")
@click.option(
    "--epochs", type=int, help="Of the full run in question; a third of it is trained. Default: the preset's."
)
@click.option("--seeds", default="0", show_default=True, callback=_seeds, help="Of training, such as 0,1,2.")
@preset_option
@config_option
@config_options(TrainConfig, leave_out=["epochs", "seed", "freeze", "stages"])
@overwrite_option
@trust_option
@json_option
def command(data: str, weights: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Say whether to start from WEIGHTS or from scratch on DATA: use this, no difference, or negative transfer.

    Full, frozen and staged fine-tuning and training from scratch run at the same budget; the worse ones are dropped on
    the way. Said again, it goes on where it was stopped.
    """
    verdict = api.verdict(data, weights, listener=RungProgress(), **options)
    emit_json(verdict.to_json()) if as_json else show(render(verdict))
    if not verdict.winner.anew:  # a run whose stages are shares of it is trained anew when it is made longer
        next_step("resume", verdict.run, "--epochs", verdict.full_epochs)
