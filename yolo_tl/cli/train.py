"""``yolo-tl train``: fine-tune a checkpoint on a data set."""

from __future__ import annotations

from typing import Any

import click

from yolo_tl import api
from yolo_tl.cli.command import Command, given
from yolo_tl.cli.evaluate import render as render_scores
from yolo_tl.cli.options import (
    config_option,
    config_options,
    emit_json,
    json_option,
    overwrite_option,
    preset_option,
    trust_option,
    weights_option,
)
from yolo_tl.cli.plan import render as render_plan
from yolo_tl.cli.progress import Progress
from yolo_tl.cli.terminal import next_export, next_step, show
from yolo_tl.config import TrainConfig

must_improve_option = click.option(
    "--must-improve", is_flag=True, help="Exit with 7 if the classes the weights knew are found worse than before."
)


def render(result: api.TrainResult) -> str:
    """What came out, for people."""
    lines = [f"\n{result.weights}  ({result.cpu_seconds:.0f} CPU-seconds)", "", render_scores(result.evaluation)]
    if result.change:
        lines.append(result.change.describe())
    return "\n".join([*lines, f"report: {result.run / 'report.html'}"])


def finish(result: api.TrainResult, data: str, *, as_json: bool) -> None:
    """Print what came out, and what to do with it."""
    emit_json(result.to_json()) if as_json else show(render(result))
    if "test" in result.plan.data.images:
        next_step("evaluate", result.run, data, "--split", "test")
    else:
        next_export(result.run, data, result.run / "bundle")


@click.command(
    "train",
    cls=Command,
    examples=[
        ("yolo-tl train datasets/parts --weights yolo26n.pt --out runs/parts", "by the default recipe"),
        ("yolo-tl train datasets/parts --weights yolo26n.pt --preset head-only --epochs 30", "the trunk stays frozen"),
        (
            "yolo-tl train datasets/parts --weights yolo26n.pt --imgsz 320 --set augment.mosaic=0.5 --dry-run",
            "what it would do",
        ),
        ("yolo-tl train datasets/parts --weights yolo26n.yaml", "from scratch, to compare"),
    ],
)
@click.argument("data", type=click.Path())
@weights_option
@click.option("--out", "-o", type=click.Path(), help="Run folder; default: runs/trainN.")
@preset_option
@config_option
@config_options(TrainConfig)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@must_improve_option
@overwrite_option
@trust_option
@json_option
def command(
    data: str,
    weights: str,
    out: str | None,
    preset: str,
    config: str | None,
    overrides: dict[str, Any],
    dry_run: bool,
    must_improve: bool,
    overwrite: bool,
    trust: bool,
    as_json: bool,
) -> None:
    """Fine-tune a checkpoint on DATA (a data.yaml or its folder)."""
    options: dict[str, Any] = {"preset": preset, "config": config, "overrides": overrides, "trust": trust}
    if dry_run:
        plan = api.plan(data, weights, **options)
        emit_json(plan.to_json()) if as_json else show(render_plan(plan))
        next_step("train", *given(without="--dry-run"))
        return
    result = api.train(
        data, weights, out=out, overwrite=overwrite, must_improve=must_improve, listener=Progress(), **options
    )
    finish(result, data, as_json=as_json)
