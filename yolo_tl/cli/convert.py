"""``yolo-tl convert``: any annotations → a YOLO data set and a ledger."""

from __future__ import annotations

import click

from yolo_tl import api
from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command, given
from yolo_tl.cli.names import FormatName
from yolo_tl.cli.options import counts, emit_json, json_option, overwrite_option, table
from yolo_tl.cli.reading import parse_ratios, reading_options
from yolo_tl.cli.terminal import next_step, show
from yolo_tl.data.options import ReadOptions


@click.command(
    "convert",
    cls=Command,
    examples=[
        ("yolo-tl convert parts datasets/parts", "the format is found out; an archive does, too"),
        ("yolo-tl convert export.zip datasets/parts --splits new --ratios 0.7,0.15,0.15", "with splits of its own"),
        ("yolo-tl convert parts datasets/parts --names scratch,dent --dry-run", "what would be kept of two classes"),
        ("yolo-tl convert datasets/parts/data.yaml parts-coco --to coco", "from YOLO to another format"),
    ],
)
@click.argument("source", type=click.Path())
@click.argument("out", type=click.Path())
@click.option("--format", "format_", type=FormatName(), help="Annotation format; found out by default.")
@click.option(
    "--to",
    type=FormatName(written=True),
    default="yolo",
    show_default=True,
    help="Format to write; yolo is what training needs.",
)
@reading_options
@click.option(
    "--splits", type=Choice(["keep", "new"]), default="keep", show_default=True, help="Of the source, or drawn."
)
@click.option(
    "--ratios",
    metavar="TRAIN,VAL[,TEST]",
    default="0.8,0.2",
    show_default=True,
    help="Train, val and test shares of drawn splits.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of drawn splits.")
@click.option(
    "--link",
    type=Choice(["auto", "hardlink", "symlink", "copy"]),
    default="auto",
    show_default=True,
    help="How images get into the data set.",
)
@click.option("--strict", is_flag=True, help="Fail if anything would be dropped.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@overwrite_option
@json_option
def command(
    source: str,
    out: str,
    format_: str | None,
    to: str,
    options: ReadOptions,
    splits: str,
    ratios: str,
    seed: int,
    link: str,
    strict: bool,
    dry_run: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Convert the annotations in SOURCE, a folder, a file or an archive, into the data set folder OUT."""
    report = api.convert(
        source,
        out,
        format=format_,
        to=to,
        options=options,
        splits=splits,  # type: ignore[arg-type]  # click has checked it
        ratios=parse_ratios(ratios),
        seed=seed,
        link=link,  # type: ignore[arg-type]
        strict=strict,
        overwrite=overwrite,
        dry_run=dry_run,
    )
    if as_json:
        emit_json(report.to_json())
        return
    done = " (dry run, nothing written)" if dry_run else " (unchanged, nothing written)" if report.unchanged else ""
    lines = [
        f"{report.format}: {report.why}",
        f"images       {report.images} ({counts(report.splits)})",
        f"annotations  {report.annotations_in} in, {report.annotations_out} out",
        f"classes      {', '.join(report.classes)}",
        *_ledger(report),
        *(f"note: {note}" for note in report.notes),
        f"\n{report.data}{done}",
    ]
    show("\n".join(lines))
    if dry_run:
        next_step("convert", *given(without="--dry-run"))
    elif to == "yolo":
        next_step("check", out)


def _ledger(report: api.ConvertReport) -> list[str]:
    """What was dropped and repaired, each with its first example."""
    tallies = (
        ("annotations dropped", report.dropped),
        ("annotations repaired", report.repaired),
        ("images dropped", report.images_dropped),
        ("images repaired", report.images_repaired),
    )
    rows = [
        (what, reason, count, report.examples.get(f"{what}: {reason}", ""))
        for what, tally in tallies
        for reason, count in tally.items()
    ]
    return ["", table(rows, ("", "reason", "count", "first")), ""] if rows else ["dropped      none, repaired none"]
