"""``yolo-tl evaluate``: scores of a checkpoint with confidence intervals."""

from __future__ import annotations

import click

from yolo_tl import api
from yolo_tl.cli.options import debug_option, emit_json, json_option, table, trust_option


def render(evaluation: api.Evaluation) -> str:
    """Scores for people, with the interval that says how far to trust them."""
    m, intervals = evaluation.metrics, evaluation.intervals
    rows = [(c.name, c.images, c.instances, c.precision, c.recall, c.ap50, c.ap50_95) for c in m.per_class]
    rows.append(("all", m.images, m.instances, m.precision, m.recall, m.map50, m.map50_95))
    interval = "no interval: too little to resample"
    if intervals is not None:
        interval = f"95 % interval [{intervals.map50_95.low:.3f}, {intervals.map50_95.high:.3f}]"
    scores = table(rows, ("class", "images", "instances", "precision", "recall", "AP50", "AP50-95"))
    return f"{scores}\n\nmAP50-95 {m.map50_95:.3f}, {interval}, from {m.images} images of {evaluation.split}"


@click.command("evaluate")
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("--split", default="val", show_default=True, help="val, test or train.")
@click.option("--imgsz", type=int, help="Side of the square input, px; default: as trained.")
@click.option("--batch", type=int, default=16, show_default=True, help="Images per forward pass.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or a CUDA index.")
@click.option(
    "--head",
    type=click.Choice(["auto", "one-to-many", "nms-free"]),
    default="auto",
    show_default=True,
    help="Which head of a two-headed network; auto: the one it was selected on.",
)
@click.option("--resamples", type=int, default=1000, show_default=True, help="Bootstrap resamples of the images.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@trust_option
@json_option
@debug_option
def command(
    model: str,
    data: str,
    split: str,
    imgsz: int | None,
    batch: int,
    device: str,
    head: str,
    resamples: int,
    seed: int,
    trust: bool,
    as_json: bool,
) -> None:
    """Score the checkpoint MODEL on DATA (a data.yaml or its folder)."""
    evaluation = api.evaluate(
        model,
        data,
        split=split,
        imgsz=imgsz,
        batch=batch,
        device=device,
        head=head,
        resamples=resamples,
        seed=seed,
        trust=trust,
    )
    if as_json:
        emit_json(evaluation.to_json())
    else:
        click.echo(render(evaluation))
