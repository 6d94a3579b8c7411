"""``yolo-tl convert``: any annotations → a YOLO data set and a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml

from yolo_tl import api
from yolo_tl.cli.options import counts, debug_option, emit_json, json_option, overwrite_option
from yolo_tl.data.options import ReadOptions
from yolo_tl.errors import ConfigError

HELP = {f: ReadOptions.__dataclass_fields__[f].metadata["help"] for f in ReadOptions.__dataclass_fields__}


def parse_names(text: str | None) -> list[str] | dict[str, str] | None:
    """Class names: ``a,b,c``, a map ``1=open,2=short``, or a file (a name a line, or YAML).

    >>> parse_names("1=open, 2=short")
    {'1': 'open', '2': 'short'}
    """
    if text is None:
        return None
    if Path(text).is_file():
        content = Path(text).read_text(encoding="utf-8")
        found: Any = yaml.safe_load(content) if text.endswith((".yaml", ".yml")) else content.split("\n")
        if isinstance(found, dict) and "names" in found:
            found = found["names"]
        if isinstance(found, dict):
            return {str(key): str(name) for key, name in found.items()}
        return [str(name).strip() for name in found if str(name).strip()]
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    mapped = [entry for entry in entries if "=" in entry]
    if mapped and len(mapped) < len(entries):
        raise ConfigError(f"--names {text}: expected either names or TOKEN=NAME pairs, found both")
    if mapped:
        return {key.strip(): name.strip() for key, _, name in (entry.partition("=") for entry in entries)}
    return entries


def parse_ratios(text: str) -> tuple[float, float, float]:
    """``0.8,0.2`` or ``0.7,0.2,0.1`` → shares of train, val and test."""
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    if len(shares) not in (2, 3):
        raise ConfigError(f"--ratios {text}: expected two or three numbers", hint="for example 0.8,0.2 or 0.7,0.2,0.1")
    train, val, test = [*shares, 0.0][:3]
    return train, val, test


@click.command("convert")
@click.argument("source", type=click.Path())
@click.argument("out", type=click.Path())
@click.option("--format", "format_", help="Annotation format; found out by default.")
@click.option("--names", help="Classes: a,b,c; a map 1=open,2=short; or a file. " + HELP["names"])
@click.option("--unknown-class", help=HELP["unknown_class"] + ": error or drop.")
@click.option("--missing-images", help=HELP["missing_images"] + ": error or drop.")
@click.option("--crowd", help=HELP["crowd"] + ": drop or keep.")
@click.option("--difficult", help=HELP["difficult"] + ": keep or drop.")
@click.option("--duplicates", help=HELP["duplicates"] + ": drop or keep.")
@click.option("--images", type=click.Path(path_type=Path), help=HELP["images"])
@click.option("--image-pattern", help=HELP["image_pattern"])
@click.option("--label-pattern", help=HELP["label_pattern"])
@click.option("--voc-origin", help=HELP["voc_origin"] + ": auto, 0 or 1.")
@click.option("--columns", help=HELP["columns"])
@click.option("--delimiter", help=HELP["delimiter"] + ": auto, space, comma, tab or semicolon.")
@click.option("--normalized", is_flag=True, default=None, help=HELP["normalized"])
@click.option("--class-base", help=HELP["class_base"] + ": auto, 0 or 1.")
@click.option("--pairs", multiple=True, help=HELP["pairs"])
@click.option(
    "--splits", type=click.Choice(["keep", "new"]), default="keep", show_default=True, help="Of the source, or drawn."
)
@click.option("--ratios", default="0.8,0.2", show_default=True, help="Train, val and test shares of drawn splits.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of drawn splits.")
@click.option(
    "--link",
    type=click.Choice(["auto", "hardlink", "symlink", "copy"]),
    default="auto",
    show_default=True,
    help="How images get into the data set.",
)
@click.option("--strict", is_flag=True, help="Fail if anything would be dropped.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@overwrite_option
@json_option
@debug_option
def command(
    source: str,
    out: str,
    format_: str | None,
    names: str | None,
    splits: str,
    ratios: str,
    seed: int,
    link: str,
    strict: bool,
    dry_run: bool,
    overwrite: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Convert the annotations in SOURCE into the data set folder OUT."""
    given = {key: value for key, value in reading.items() if value not in (None, ())}
    report = api.convert(
        source,
        out,
        format=format_,
        options=ReadOptions(names=parse_names(names), **given),
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
    lines = [
        f"{report.format}: {report.why}",
        f"images       {report.images} ({counts(report.splits)})",
        f"annotations  {report.annotations_in} in, {report.annotations_out} out",
        f"dropped      {counts(report.dropped)}",
        f"repaired     {counts(report.repaired)}",
        f"classes      {', '.join(report.classes)}",
        *(f"note: {note}" for note in report.notes),
        f"\n{report.data}" + (" (dry run, nothing written)" if dry_run else ""),
    ]
    click.echo("\n".join(lines))
