"""``yolo-tl train``: fine-tune a checkpoint on a data set."""

from __future__ import annotations

from typing import Any

import click

from yolo_tl import api
from yolo_tl.cli.evaluate import render as render_scores
from yolo_tl.cli.options import (
    config_options,
    debug_option,
    emit_json,
    json_option,
    overwrite_option,
    trust_option,
)
from yolo_tl.cli.plan import render as render_plan
from yolo_tl.cli.progress import Progress
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


@click.command("train")
@click.argument("data", type=click.Path())
@click.option("--weights", "-w", required=True, help="Checkpoint path or name, or an architecture YAML for scratch.")
@click.option("--out", "-o", type=click.Path(), help="Run folder; default: runs/trainN.")
@click.option("--preset", "-p", default="small-data", show_default=True, help="Named recipe, or a YAML file.")
@click.option("--config", type=click.Path(), help="YAML file of your own, stronger than the preset.")
@config_options(TrainConfig)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@must_improve_option
@overwrite_option
@trust_option
@json_option
@debug_option
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
        emit_json(plan.to_json()) if as_json else click.echo(render_plan(plan))
        return
    result = api.train(
        data, weights, out=out, overwrite=overwrite, must_improve=must_improve, listener=Progress(), **options
    )
    emit_json(result.to_json()) if as_json else click.echo(render(result))
