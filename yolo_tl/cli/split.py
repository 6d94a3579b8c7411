"""``yolo-tl split``: new splits or folds of a data set, without leaks."""

from __future__ import annotations

from typing import Any

import click

from yolo_tl import api
from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command, given
from yolo_tl.cli.names import WeightsName
from yolo_tl.cli.options import emit_json, json_option, overwrite_option, table, trust_option
from yolo_tl.cli.reading import group_by_option, parse_ratios
from yolo_tl.cli.terminal import next_step, show


def render(report: api.SplitReport) -> str:
    """What was split, for people: a row for each class, a column for each part."""
    parts = list(report.images)
    total = sum(report.images.values())
    rows = [("images", total, *(_cell(report.images[part], total) for part in parts))]
    backgrounds = sum(report.backgrounds.values())
    rows.append(("backgrounds", backgrounds, *(_cell(report.backgrounds[part], backgrounds) for part in parts)))
    for name, counts in report.classes.items():
        objects = sum(counts.values())
        rows.append((name, objects, *(_cell(counts[part], objects) for part in parts)))
    looked = "not looked for" if report.near_duplicates is None else f"{report.near_duplicates} pairs"
    lines = [
        table(rows, ("", "all", *parts)),
        "",
        f"class shares      within {report.deviation:.2f} points of what was asked for",
        f"kept together     {report.groups} groups",
        f"near-duplicates   {looked}",
        f"leaks             {report.leaks}",
        *(f"note: {note}" for note in report.notes),
    ]
    return "\n".join(lines)


def _cell(count: int, total: int) -> str:
    return f"{count} ({100 * count / total:.1f} %)" if total else "0"


@click.command(
    "split",
    cls=Command,
    examples=[
        ("yolo-tl split datasets/parts datasets/parts-split --ratios 0.7,0.15,0.15", "train, val and test"),
        ("yolo-tl split datasets/parts datasets/parts-folds --folds 5", "five folds"),
        (
            "yolo-tl split datasets/parts datasets/parts-split --group-by 'regex:lot[0-9]+' --keep test",
            "lots stay together, test stays as it is",
        ),
    ],
)
@click.argument("data", type=click.Path())
@click.argument("out", type=click.Path())
@click.option(
    "--ratios", metavar="TRAIN,VAL[,TEST]", default="0.8,0.2", show_default=True, help="Shares of train, val and test."
)
@click.option("--folds", type=int, help="Make this many folds for cross-validation instead.")
@group_by_option
@click.option(
    "--near-duplicates/--no-near-duplicates",
    default=True,
    show_default=True,
    help="Look for near-duplicates and keep them together.",
)
@click.option(
    "--weights", type=WeightsName(), help="Find shifted, turned and cropped near-duplicates, too, with its backbone."
)
@click.option("--device", default="auto", show_default=True, help="Of the weights: auto, cpu, cuda or a CUDA index.")
@click.option("--keep", multiple=True, help="A split to keep as it is, such as test. Can be repeated.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides between equally good splits.")
@click.option(
    "--link",
    type=Choice(["auto", "hardlink", "symlink", "copy"]),
    default="auto",
    show_default=True,
    help="How images get into the new data set.",
)
@click.option("--workers", type=int, default=1, show_default=True, help="Processes that decode; 0: one for each core.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@trust_option
@overwrite_option
@json_option
def command(data: str, out: str, ratios: str, as_json: bool, dry_run: bool, **options: Any) -> None:
    """Split DATA (a data.yaml or its folder) anew, into the data set folder OUT."""
    report = api.split(data, out, ratios=parse_ratios(ratios), dry_run=dry_run, **options)
    if as_json:
        emit_json(report.to_json())
        return
    show(render(report))
    show(f"\n{report.data}" + (" (dry run, nothing written)" if dry_run else ""))
    if dry_run:
        next_step("split", *given(without="--dry-run"))
    else:
        next_step("plan", report.data if options["folds"] else out, "--weights", "yolo26n.pt")
