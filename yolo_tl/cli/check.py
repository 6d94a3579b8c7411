"""``yolo-tl check``: what is wrong with a data set, and what training would do about it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from yolo_tl import api
from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command
from yolo_tl.cli.names import FormatName
from yolo_tl.cli.options import counts, emit_json, json_option, table
from yolo_tl.cli.terminal import next_step, show
from yolo_tl.errors import DataError

COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}


def render(report: api.CheckReport, *, examples: int = 3) -> str:
    """The findings for people: what, where, what Ultralytics does, what to do."""
    lines = []
    for finding in report.findings:
        kind = finding.severity.value if finding.severity else "info"
        lines.append(
            f"{click.style(kind, fg=COLOURS[kind], bold=True)} {click.style(finding.id, bold=True)}: {finding.message}"
        )
        for example in finding.examples[:examples]:
            place = example.path + (f":{example.line}" if example.line else "")
            lines.append("  " + "  ".join(filter(None, (place, example.detail))))
        if (more := finding.count - min(examples, len(finding.examples))) > 0 and finding.examples:
            lines.append(f"  ... and {more:,} more")
        lines += [f"  Ultralytics {finding.ultralytics}"] * bool(finding.ultralytics)
        lines += [f"  → {finding.hint}", ""] if finding.hint else [""]
    boxes = "boxes" if report.task == "detect" else "objects"
    lines.append(
        f"{report.format}, {report.task}: {report.images:,} images ({counts(report.splits)}), {report.boxes:,} {boxes}"
    )
    if report.ignored:
        lines.append(f"Ultralytics would leave out {report.ignored:,} of {report.images:,} images")
    lines.append(summary(report) + f" from {len(report.ran)} checks")
    return "\n".join(lines).encode("utf-8", "replace").decode()


def _beside(data: str, kind: str) -> str:
    """Where another copy could go: ``datasets/parts`` and ``datasets/parts/data.yaml`` → ``datasets/parts-KIND``."""
    path = Path(data)
    if path.is_file():
        path = path.parent if path.suffix in (".yaml", ".yml") else path.with_suffix("")
    return f"{path.resolve() if path == Path() else path}-{kind}"


def summary(report: api.CheckReport) -> str:
    """``2 errors, 1 warning, 0 infos``."""
    kinds: dict[str, int] = report.to_json()["counts"]
    return ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in kinds.items())


def _list(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from yolo_tl.data.checks import CHECKS

        rows = [(item.id, item.severity.value, item.about) for item in sorted(CHECKS.values(), key=lambda c: c.id)]
        click.echo(table(rows, ("check", "severity", "")))
        ctx.exit(0)


@click.command(
    "check",
    cls=Command,
    examples=[
        ("yolo-tl check datasets/parts", "all checks"),
        ("yolo-tl check datasets/parts --fast --strict", "without decoding images; warnings fail, too"),
        ("yolo-tl check datasets/parts --only labels --html check.html", "labels only, and a page with pictures"),
        ("yolo-tl check --list", "what is checked"),
    ],
)
@click.argument("data", type=click.Path())
@click.option("--only", multiple=True, metavar="ID", help="Run these checks: an id, or its first part such as images.")
@click.option("--skip", multiple=True, metavar="ID", help="Do not run these.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List all checks.")
@click.option("--fast", is_flag=True, help="Decode no image.")
@click.option("--strict", is_flag=True, help="Warnings fail, too.")
@click.option(
    "--imgsz", type=int, default=640, show_default=True, help="Side in px that training will scale images to."
)
@click.option("--task", type=Choice(["detect", "segment", "obb", "pose"]), help="Default: found out.")
@click.option(
    "--format", "format_", type=FormatName(), help="Annotation format, where it is not YOLO; found out by default."
)
@click.option("--html", type=click.Path(dir_okay=False), help="Write a page of the findings with pictures.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes; 0: one for each core.")
@json_option
def command(data: str, strict: bool, format_: str | None, as_json: bool, **options: Any) -> None:
    """Check DATA: a data.yaml, its folder, or annotations in any format.

    The exit code is 3 where an error is found (with --strict, a warning), else 0.
    """
    report = api.check(data, format=format_, **options)
    if as_json:
        emit_json(report.to_json())
    else:
        show(render(report))
    if report.failed(strict=strict):
        if report.format == "yolo":
            hint = f"this writes a repaired copy: yolo-tl {shlex.join(('fix', data, _beside(data, 'fixed')))}"
        else:
            hint = "`yolo-tl convert` drops or repairs what it can, and says what"
        raise DataError(f"{data}: {summary(report)}", hint=hint)
    if report.format == "yolo":
        next_step("plan", data, "--weights", "yolo26n.pt")
    else:
        next_step("convert", data, _beside(data, "yolo"))
