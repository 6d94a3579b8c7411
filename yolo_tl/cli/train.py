"""``yolo-tl train``: fine-tune a checkpoint on a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from yolo_tl.config import TrainConfig

if TYPE_CHECKING:
    from yolo_tl.engine.trainer import EpochReport


def show_epoch(report: EpochReport) -> None:
    """One line an epoch, on stderr."""
    losses = "  ".join(f"{name.removesuffix('_loss')} {value:.3f}" for name, value in report.losses.items())
    click.echo(
        f"epoch {report.epoch}/{report.epochs}  {losses}  "
        f"val mAP50 {report.map50:.3f}  mAP50-95 {report.map50_95:.3f}  {report.seconds:.0f} s",
        err=True,
    )


@click.command("train")
@click.argument("data", type=click.Path())
@click.option("--weights", "-w", required=True, help="Checkpoint path or name, or an architecture YAML for scratch.")
@click.option("--out", "-o", type=click.Path(), help="Run folder; default: runs/trainN.")
@click.option("--preset", "-p", default="small-data", show_default=True, help="Named recipe, or a YAML file.")
@click.option("--config", type=click.Path(), help="YAML file of your own, stronger than the preset.")
@config_options(TrainConfig)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
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
    overwrite: bool,
    trust: bool,
    as_json: bool,
) -> None:
    """Fine-tune a checkpoint on DATA (a data.yaml or its folder)."""
    options: dict[str, Any] = {"preset": preset, "config": config, "overrides": overrides, "trust": trust}
    plan = api.plan(data, weights, **options)
    if dry_run:
        emit_json(plan.to_json()) if as_json else click.echo(render_plan(plan))
        return
    click.echo(render_plan(plan) + "\n", err=True)
    trained = api.train(data, weights, out=out, overwrite=overwrite, on_epoch=show_epoch, **options)
    if as_json:
        emit_json(trained.to_json())
        return
    click.echo(f"\n{trained.weights}  ({trained.cpu_seconds:.0f} CPU-seconds)\n")
    click.echo(render_scores(trained.evaluation))
