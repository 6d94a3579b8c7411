"""``yolo-tl evaluate``: scores of a model with confidence intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.names import SplitName
from yolo_tl.cli.options import (
    batch_option,
    bootstrap_seed_option,
    device_option,
    emit_json,
    head_option,
    imgsz_option,
    json_option,
    near_duplicates_option,
    resamples_option,
    table,
    trust_option,
)
from yolo_tl.cli.reading import group_by_option
from yolo_tl.cli.terminal import next_export, show
from yolo_tl.cli.tiles import tiling_options

if TYPE_CHECKING:
    from yolo_tl.edge.tiling import Tiling
    from yolo_tl.evaluation import Interval

NOT_MEASURABLE = "not measurable"


def render(evaluation: api.Evaluation) -> str:
    """Scores for people, with the intervals that say how far to trust them."""
    m = evaluation.metrics
    interval = evaluation.without_interval
    if evaluation.intervals is not None:
        found = evaluation.intervals.map50_95
        interval = f"95 % interval [{found.low:.3f}, {found.high:.3f}]"
    score = f"mAP50-95 {m.map50_95:.3f}, {interval}, from {m.images} images of {evaluation.split}"
    parts = [
        by_class(evaluation),
        at_threshold(evaluation),
        by_size(evaluation),
        mistakes(evaluation),
        calibration(evaluation),
        *notes(evaluation),
        f"{score}\n{evaluation.describe()}".rstrip(),
    ]
    return "\n\n".join(parts)


def by_class(evaluation: api.Evaluation) -> str:
    """Average precision of each class; those that nothing shows are named, and have no score."""
    m, found = evaluation.metrics, evaluation.intervals
    own = {} if found is None else found.ap50_95
    rows = [
        (c.name, c.images, c.instances, _number(c.ap50), _number(c.ap50_95), _span(own.get(c.name)))
        for c in m.per_class
    ]
    rows += [(name, 0, 0, NOT_MEASURABLE, NOT_MEASURABLE, "") for name in evaluation.not_measurable]
    overall = _span(None if found is None else found.map50_95)
    rows.append(("all", m.images, m.instances, _number(m.map50), _number(m.map50_95), overall))
    return table(rows, ("class", "images", "instances", "AP50", "AP50-95", "95 % interval"))


def at_threshold(evaluation: api.Evaluation) -> str:
    """What the detector does at the operating point."""
    found = evaluation.operating
    rows = [
        (
            rates.name,
            rates.hits,
            rates.false_alarms,
            rates.missed,
            *(
                f"{_number(value)} {_span(rates.intervals.get(key))}".rstrip()
                for key, value in (("precision", rates.precision), ("recall", rates.recall), ("f1", rates.f1))
            ),
        )
        for rates in (*found.per_class, found.overall)
    ]
    scores = table(rows, ("class", "found", "false alarms", "missed", "precision", "recall", "F1"))
    return f"Above confidence {evaluation.confidence:.3f}:\n{scores}"


def by_size(evaluation: api.Evaluation) -> str:
    """Average precision by COCO's sizes and by thirds of this split."""
    rows = [
        (
            entry.band.name,
            _area(entry.band.low, entry.band.high),
            entry.instances,
            _number(entry.map50),
            _number(entry.map50_95),
            _span(entry.interval),
        )
        for entry in (*evaluation.sizes, *evaluation.terciles)
    ]
    return table(rows, ("size (COCO's AP)", "px²", "instances", "AP50", "AP50-95", "95 % interval"))


def mistakes(evaluation: api.Evaluation) -> str:
    """The kinds of errors, how many there are above the threshold, and what each costs over all thresholds."""
    rows = [(kind.name, kind.count, f"{kind.dap50:.3f}") for kind in evaluation.mistakes.kinds]
    return table(rows, ("mistake", "count", "costs in mAP50"))


def calibration(evaluation: api.Evaluation) -> str:
    """Whether confidence means what it says, in a line."""
    found = evaluation.calibration
    if found.ece is None or found.gap is None:
        return f"Calibration: {NOT_MEASURABLE}, no detection is above confidence {found.floor:g}"
    sure = "above" if found.gap > 0 else "below"
    return (
        f"Calibration: confidence is {abs(found.gap):.3f} {sure} precision on average; expected error {found.ece:.3f} "
        f"{_span(found.interval)}, largest {found.mce:.3f}, Brier score {found.brier:.3f}, "
        f"from {found.count} detections above {found.floor:g}"
    )


def notes(evaluation: api.Evaluation) -> list[str]:
    """What the scores cannot be trusted for."""
    shared, images = len(evaluation.trained_on), evaluation.metrics.images
    if not shared:
        return []
    return [
        f"note: {shared} of {images} images are in train, too, such as {evaluation.trained_on[0]}: the scores read high"
    ]


def _number(value: float | None) -> str:
    return NOT_MEASURABLE if value is None else f"{value:.3f}"


def _span(found: Interval | None) -> str:
    return "" if found is None else f"[{found.low:.3f}, {found.high:.3f}]"


def _area(low: float, high: float) -> str:
    return f"{low:.0f} to {high:.0f}" if high < float("inf") else f"from {low:.0f}"


@click.command(
    "evaluate",
    cls=Command,
    examples=[
        ("yolo-tl evaluate runs/parts datasets/parts --split test", "a run on the test images"),
        ("yolo-tl evaluate runs/parts/bundle datasets/parts", "a bundle, as it is deployed"),
        ("yolo-tl evaluate runs/parts datasets/parts --tile 640 --largest-object 80", "in tiles"),
    ],
)
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("--split", type=SplitName(), default="val", show_default=True, help="val, test or train.")
@click.option(
    "--confidence",
    type=float,
    help="Above which a detection counts at the operating point; default: where the mean F1 is largest.",
)
@group_by_option
@near_duplicates_option
@click.option(
    "--save-predictions", type=click.Path(), metavar="FILE.npz", help="Keep what the model said; can stand for MODEL."
)
@imgsz_option
@batch_option
@device_option
@head_option
@tiling_options
@resamples_option
@bootstrap_seed_option
@trust_option
@json_option
def command(
    model: str,
    data: str,
    split: str,
    confidence: float | None,
    group_by: tuple[str, ...],
    near_duplicates: bool,
    save_predictions: str | None,
    imgsz: int | None,
    batch: int,
    device: str,
    head: str,
    resamples: int,
    seed: int,
    trust: bool,
    tiling: Tiling | None,
    as_json: bool,
) -> None:
    """Score MODEL on DATA (a data.yaml or its folder).

    MODEL is a checkpoint, a run folder, a bundle, an exported network, or kept predictions.
    """
    evaluation = api.evaluate(
        model,
        data,
        split=split,
        confidence=confidence,
        group_by=group_by,
        near_duplicates=near_duplicates,
        save_predictions=save_predictions,
        imgsz=imgsz,
        batch=batch,
        device=device,
        head=head,
        resamples=resamples,
        seed=seed,
        trust=trust,
        tiling=tiling,
    )
    if as_json:
        emit_json(evaluation.to_json())
    else:
        show(render(evaluation))
    path = Path(model)
    if (path / "run.yaml").is_file():
        next_export(model, data, path / "bundle")
    elif path.suffix == ".pt":
        next_export(model, data, path.with_name(f"{path.stem}-bundle"))
