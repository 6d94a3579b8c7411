"""``yolo-tl compare``: which of several models is better, as far as the images and seeds can tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yolo_tl import api
from yolo_tl.cli.choice import Choice
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
    overwrite_option,
    resamples_option,
    table,
    trust_option,
)
from yolo_tl.cli.reading import group_by_option
from yolo_tl.cli.terminal import next_step, show
from yolo_tl.errors import NotImproved

if TYPE_CHECKING:
    from yolo_tl.evaluation.comparison import Comparison, Delta

_SHOWN = 10  # flipped images in the terminal
_HEADER = ("", "A", "B", "A - B", "interval", "p", "p (Holm)")


def render(report: api.ComparisonReport) -> str:
    """A table of differences and a sentence for each comparison, and the ranking where there are several."""
    parts = [_comparison(comparison) for comparison in report.comparisons]
    if len(parts) > 1:
        rows = [
            (s.name, s.seeds, s.map50_95, _number(s.spread), s.map50, s.first or "", _number(s.p_holm))
            for s in report.ranking
        ]
        first = report.comparisons[0].a
        header = ("", "runs", "mAP50-95", "deviation", "mAP50", f"{first} is", "p (Holm)")
        parts.append(table(rows, header))
    return "\n\n".join(parts)


def _comparison(comparison: Comparison) -> str:
    scores = [("mAP50-95", comparison.map50_95), ("mAP50", comparison.map50)]
    scores += list(comparison.by_class.items())  # type: ignore[arg-type]
    rows = [_row(name, delta) for name, delta in (*scores, *comparison.by_size.items())]
    lines = [f"A {comparison.a}", f"B {comparison.b}", "", table(rows, _HEADER), "", comparison.describe()]
    lines += [f"note: {note}" for note in comparison.notes]
    if comparison.flips:
        lines += ["", _flipped(comparison)]
    return "\n".join(lines)


def _row(name: str, delta: Delta | None) -> tuple[Any, ...]:
    if delta is None:
        return (name, "", "", "", "not measurable", "", "")
    interval = "" if delta.low is None or delta.high is None else f"[{delta.low:+.3f}, {delta.high:+.3f}]"
    return (name, delta.a, delta.b, f"{delta.observed:+.3f}", interval, _number(delta.p), _number(delta.p_holm))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _flipped(comparison: Comparison) -> str:
    """The images that changed most."""
    flips, (a, b) = comparison.flips, comparison.thresholds
    rows = [(Path(flip.image).name, flip.gained, flip.lost, flip.false_a, flip.false_b) for flip in flips[:_SHOWN]]
    more = [f"... and {len(flips) - _SHOWN} more"] if len(flips) > _SHOWN else []
    header = ("image", "only A finds", "only B finds", "false only in A", "false only in B")
    title = f"{len(flips)} of {comparison.images} images differ at confidence {a:.2f} of A and {b:.2f} of B:"
    return "\n".join([title, table(rows, header), *more])


def _require(report: api.ComparisonReport, wanted: str) -> None:
    """Fail where the first model is not what was asked for, against every other.

    Raises:
        NotImproved: it is not, or that cannot be shown.
    """
    fits = {"better": ("better",), "not-worse": ("better", "not distinguishable")}[wanted]
    for comparison in report.comparisons:
        if comparison.verdict not in fits:
            raise NotImproved(
                f"expected {comparison.a} to be {wanted.replace('-', ' ')} than {comparison.b}, "
                f"found: {comparison.describe()}",
                hint=comparison.notes[1] if comparison.verdict == "not distinguishable" else "",
            )


@click.command(
    "compare",
    cls=Command,
    examples=[
        ("yolo-tl compare runs/a runs/b --data datasets/parts", "two runs on val"),
        (
            "yolo-tl compare runs/new runs/old --data datasets/parts --split test --require not-worse",
            "for a script: exit code 7 if it is worse",
        ),
        (
            "yolo-tl compare runs/a1,runs/a2 runs/b1,runs/b2 --data datasets/parts --out runs/comparison",
            "two recipes, two seeds each, with pictures",
        ),
    ],
)
@click.argument("models", nargs=-1, required=True, metavar="A B [C]...")
@click.option("--data", "-d", required=True, type=click.Path(), help="A data.yaml or its folder.")
@click.option("--split", type=SplitName(), default="val", show_default=True, help="val, test or train.")
@click.option("--name", "names", multiple=True, help="Name of a model, once for each, in their order.")
@click.option("--out", "-o", type=click.Path(), help="Folder for comparison.json and pictures of flipped images.")
@click.option("--pictures", type=int, default=24, show_default=True, help="Flipped images drawn, most changed first.")
@click.option(
    "--require",
    "wanted",
    type=Choice(["better", "not-worse"]),
    help="Exit with 7 unless A is shown to be better than every other, or is not shown to be worse.",
)
@click.option("--confidence", type=float, help="Threshold of the flips; default: of each model's best mean F1.")
@imgsz_option
@batch_option
@device_option
@head_option
@group_by_option
@near_duplicates_option
@resamples_option
@bootstrap_seed_option
@overwrite_option
@trust_option
@json_option
def command(
    models: tuple[str, ...], data: str, names: tuple[str, ...], wanted: str | None, as_json: bool, **options: Any
) -> None:
    """Compare the model A with B (and C...) on the same images of DATA.

    A model is a checkpoint, a run folder or kept predictions (.npz). Several training seeds of one recipe are given
    with commas between them, or as the folder that holds their runs. A run's predictions.npz is compared at once;
    a checkpoint is run on the images first.
    """
    report = api.compare(models, data, names=names or None, **options)
    if as_json:
        emit_json(report.to_json())
    else:
        show(render(report))
    if wanted is not None:
        _require(report, wanted)
    if options["out"] is not None:
        next_step("report", options["out"])
