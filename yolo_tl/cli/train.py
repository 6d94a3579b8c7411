"""``yolo-tl train``: fine-tune a checkpoint on a data set."""

from __future__ import annotations

import sys
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
from yolo_tl.transfer.plan import TrainPlan

if TYPE_CHECKING:
    from yolo_tl.engine.trainer import EpochReport


def describe_epoch(report: EpochReport) -> str:
    """Losses and scores of one epoch, in one line."""
    losses = "  ".join(f"{name.removesuffix('_loss')} {value:.3f}" for name, value in report.losses.items())
    return f"{losses}  val mAP50 {report.map50:.3f}  mAP50-95 {report.map50_95:.3f}  {report.seconds:.0f} s"


class Progress:
    """The plan, then a bar with the latest scores on a terminal or a line an epoch elsewhere; all on stderr."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._latest = ""

    def begin(self, plan: TrainPlan) -> None:
        """Show the plan before the time is spent."""
        click.echo(render_plan(plan) + "\n", err=True)
        if sys.stderr.isatty():
            self._bar = click.progressbar(
                length=plan["epochs"], label="epochs", file=sys.stderr, show_pos=True, item_show_func=self._item
            )
            self._bar.render_progress()

    def epoch(self, report: EpochReport) -> None:
        """Show one epoch."""
        self._latest = describe_epoch(report)
        if self._bar is None:
            click.echo(f"epoch {report.epoch}/{report.epochs}  {self._latest}", err=True)
        else:
            self._bar.update(1)
            if report.epoch == report.epochs:
                self._bar.render_finish()

    def _item(self, _: object) -> str:
        return self._latest


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
    if dry_run:
        plan = api.plan(data, weights, **options)
        emit_json(plan.to_json()) if as_json else click.echo(render_plan(plan))
        return
    progress = Progress()
    trained = api.train(
        data, weights, out=out, overwrite=overwrite, on_plan=progress.begin, on_epoch=progress.epoch, **options
    )
    if as_json:
        emit_json(trained.to_json())
        return
    click.echo(f"\n{trained.weights}  ({trained.cpu_seconds:.0f} CPU-seconds)\n")
    click.echo(render_scores(trained.evaluation))
