"""``yolo-tl plan``: what a training run would do, and why."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import click

from yolo_tl import api
from yolo_tl.cli.command import Command, given
from yolo_tl.cli.options import (
    config_option,
    config_options,
    emit_json,
    json_option,
    preset_option,
    table,
    trust_option,
    weights_option,
)
from yolo_tl.cli.terminal import next_step, show
from yolo_tl.config import TrainConfig

if TYPE_CHECKING:
    from yolo_tl.transfer.plan import TrainPlan
    from yolo_tl.transfer.stages import Stage

IN_STAGES = ("stages", "freeze", "bn", "rates.stem", "rates.backbone", "rates.neck", "rates.head", "layer_decay")


def shown(value: Any) -> str:
    """A decided value for people: ``-`` for none, numbers without needless digits."""
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def render(plan: TrainPlan) -> str:
    """A plan for people: what is trained on what, each decision, each warning."""
    start = "pretrained" if plan.network.pretrained else "FROM SCRATCH, random weights"
    images = ", ".join(f"{split} {count}" for split, count in plan.data.images.items())
    lines = [
        f"data      {plan.data.path}: {images} images; classes {', '.join(plan.data.names)}",
        f"weights   {plan.weights}: {plan.network.family}, {start}",
        f"classes   {plan.classes.describe()}",
        f"steps     {plan.budget.steps} optimizer steps, {plan.budget.batches} batches an epoch",
        "",
        table(map(stage_row, plan.stages, repeat(plan)), ("stage", "epochs", "rates", "BatchNorm", "imgsz", "frozen")),
        "",
        table(
            [(key, shown(d.value), d.source, d.reason) for key, d in plan.decisions.items() if key not in IN_STAGES],
            ("decision", "value", "source", "reason"),
        ),
        *(f"\nnote: {note}" for note in plan.classes.notes),
    ]
    return "\n".join([*lines, *(f"\nwarning: {warning}" for warning in plan.warnings)])


def stage_row(stage: Stage, plan: TrainPlan) -> tuple[str, ...]:
    """One stage for people."""
    epochs = f"{stage.first + 1}-{stage.end}" + (f", sooner after {stage.patience} no better" if stage.patience else "")
    rates = stage.describe_rates(plan.network)
    return stage.name, epochs, rates, stage.bn, str(stage.imgsz), stage.freeze.describe(plan.network)


@click.command(
    "plan",
    cls=Command,
    examples=[
        ("yolo-tl plan datasets/parts --weights yolo26n.pt", "by the default recipe"),
        (
            "yolo-tl plan datasets/parts --weights yolo26n.pt --preset head-only --epochs 30",
            "by another recipe, shorter",
        ),
    ],
)
@click.argument("data", type=click.Path())
@weights_option
@preset_option
@config_option
@config_options(TrainConfig)
@trust_option
@json_option
def command(
    data: str, weights: str, preset: str, config: str | None, overrides: dict[str, Any], trust: bool, as_json: bool
) -> None:
    """Print what `train` would do with DATA (a data.yaml or its folder), and why."""
    plan = api.plan(data, weights, preset=preset, config=config, overrides=overrides, trust=trust)
    if as_json:
        emit_json(plan.to_json())
    else:
        show(render(plan))
    next_step("train", *given())
