"""``yolo-tl qualify``: is a model good enough for an inspection, and with which thresholds?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.names import PresetName, SplitName
from yolo_tl.cli.options import (
    config_options,
    emit_json,
    head_option,
    imgsz_option,
    json_option,
    table,
    trust_option,
)
from yolo_tl.cli.terminal import next_export, show
from yolo_tl.evaluation.inspection.contract import InspectionContract

if TYPE_CHECKING:
    from yolo_tl.evaluation.inspection.qualification import Qualification


def render(result: Qualification) -> str:
    """Thresholds, limits and what was found, then the same in sentences."""
    choice = result.choice
    chosen = [(name, threshold, choice.margins[name]) for name, threshold in choice.thresholds.items()]
    rows = [
        (
            judgement.split,
            f"{r.kind} of {r.name}" if r.name else r.kind,
            r.limit,
            f"{r.failures}/{r.units}",
            "-" if r.rate is None else r.rate,
            r.bound,
            r.verdict,
        )
        for judgement in (result.chosen, result.judged)
        for r in judgement.requirements
    ]
    return "\n\n".join(
        [
            table(chosen, ("class", "threshold", "margin")),
            table(rows, ("split", "what", "limit", "failures", "rate", "bound", "verdict")),
            result.describe(),
        ]
    )


@click.command(
    "qualify",
    cls=Command,
    examples=[
        ("yolo-tl qualify runs/parts datasets/parts", "thresholds from val, judged on test"),
        (
            "yolo-tl qualify runs/parts datasets/parts --contract critical --out qualification.json",
            "a stricter contract, kept for `export`",
        ),
    ],
)
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option(
    "--contract",
    "-c",
    default="default",
    show_default=True,
    type=PresetName("inspect", "contract"),
    help="Contract in configs/inspect, or a YAML file.",
)
@config_options(InspectionContract, leave_out=["classes"])
@click.option(
    "--choose-on", type=SplitName(), default="val", show_default=True, help="Split that the thresholds are chosen on."
)
@click.option(
    "--judge-on", type=SplitName(), default="test", show_default=True, help="Split that the contract is judged on."
)
@click.option("--out", "-o", type=click.Path(), help="JSON file to write, for `export --qualification`.")
@imgsz_option
@head_option
@trust_option
@json_option
def command(model: str, data: str, contract: str, as_json: bool, **options: Any) -> None:
    """Judge the checkpoint or run MODEL on DATA (a data.yaml or its folder) by an inspection contract.

    Exit code 0: the contract is met; 8: it is not; 9: so few images prove too little.
    """
    result = api.qualify(model, data, contract, **options)
    emit_json(result.to_json()) if as_json else show(render(result))
    result.require_met()
    if (out := options["out"]) is not None:
        next_export(model, data, Path(out).with_name("bundle"), "--qualification", out)
