"""``yolo-tl average``: one checkpoint from several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import (
    batch_option,
    device_option,
    emit_json,
    imgsz_option,
    json_option,
    overwrite_option,
    table,
    trust_option,
)
from yolo_tl.cli.terminal import next_export, show

if TYPE_CHECKING:
    from yolo_tl.engine.merging import AverageResult


def render(result: AverageResult) -> str:
    """The scores of the average below those of what it was made of, and whether it gained."""
    everyone = [*result.ingredients, (result.weights, result.metrics)]
    gain = "not measured: too little to resample"
    if result.difference is not None:
        found = result.difference.map50_95
        gain = (
            f"{found.observed:+.3f} mAP50-95, 95 % interval [{found.low:+.3f}, {found.high:+.3f}], over {result.best}"
        )
    return "\n".join(
        [
            table([(path, m.map50, m.map50_95) for path, m in everyone], ("on val", "mAP50", "mAP50-95")),
            "",
            f"BatchNorm  {f'{result.batchnorms} layers measured anew' if result.batchnorms else 'not measured anew'}",
            f"gain       {gain}",
        ]
    )


@click.command(
    "average",
    cls=Command,
    examples=[
        (
            "yolo-tl average runs/parts --last 5 --out runs/parts/averaged.pt",
            "the last five epochs of a run (train --keep 5)",
        ),
        ("yolo-tl average runs/a runs/b runs/c --out weights/averaged.pt", "the best of several runs with one start"),
        ("yolo-tl average runs/parts --start 0.3 --out runs/parts/mixed.pt", "closer to the weights it started from"),
    ],
)
@click.argument("sources", nargs=-1, required=True, type=click.Path(), metavar="RUN_OR_CHECKPOINT...")
@click.option("--out", "-o", required=True, type=click.Path(), help="The checkpoint to write, a .pt file.")
@click.option("--last", type=int, metavar="K", help="Of one run: average the last K epochs it kept (train --keep).")
@click.option(
    "--start",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Of one run: mix this share of the network it started from into its best.",
)
@click.option("--data", type=click.Path(), help="Data set to measure on; default: the one the runs were trained on.")
@click.option("--bn/--no-bn", default=True, show_default=True, help="Measure BatchNorm anew on the training images.")
@imgsz_option
@batch_option
@device_option
@trust_option
@overwrite_option
@json_option
def command(
    sources: tuple[str, ...],
    out: str,
    last: int | None,
    start: float | None,
    data: str | None,
    bn: bool,
    imgsz: int | None,
    batch: int,
    device: str,
    trust: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Average the weights of runs or checkpoints that started alike, and say whether it paid.

    A run stands for its best checkpoint. One run alone needs --last or --start.
    """
    result = api.average(
        sources,
        out,
        last=last,
        start=start,
        data=data,
        bn=bn,
        imgsz=imgsz,
        batch=batch,
        device=device,
        trust=trust,
        overwrite=overwrite,
    )
    if as_json:
        emit_json(result.to_json())
    else:
        show(render(result))
    if data is not None:
        next_export(out, data, Path(out).with_suffix(""))
