"""``yolo-tl export``: a proven bundle for the edge."""

from __future__ import annotations

from typing import Any

import click

from yolo_tl import api
from yolo_tl.cli.command import Command, given
from yolo_tl.cli.names import PresetName
from yolo_tl.cli.options import (
    config_option,
    config_options,
    emit_json,
    json_option,
    overwrite_option,
    table,
    trust_option,
)
from yolo_tl.cli.terminal import next_step, show
from yolo_tl.config import ExportConfig


@click.command(
    "export",
    cls=Command,
    examples=[
        ("yolo-tl export runs/parts --data datasets/parts --out runs/parts/bundle", "ONNX in 32 bits"),
        ("yolo-tl export runs/parts --data datasets/parts --out runs/parts/int8 --preset int8", "ONNX in 8 bits"),
        ("yolo-tl export runs/parts --data datasets/parts --out runs/parts/openvino --preset openvino", "for Intel"),
        (
            "yolo-tl export runs/parts --data datasets/parts --out runs/qualified --qualification qualification.json",
            "with the thresholds that `qualify` found",
        ),
    ],
)
@click.argument("model", type=click.Path())
@click.option("--data", required=True, type=click.Path(), help="Data set whose images the export is compared on.")
@click.option("--out", "-o", required=True, type=click.Path(), help="Bundle folder to make.")
@click.option(
    "--preset",
    "-p",
    default="onnx",
    show_default=True,
    type=PresetName("export"),
    help="Named preset, or a YAML file.",
)
@config_option
@config_options(ExportConfig)
@click.option("--qualification", type=click.Path(), help="What `qualify` wrote: its thresholds become the bundle's.")
@click.option("--dry-run", is_flag=True, help="Print what would be exported and stop.")
@overwrite_option
@trust_option
@json_option
def command(
    model: str,
    data: str,
    out: str,
    preset: str,
    config: str | None,
    overrides: dict[str, Any],
    qualification: str | None,
    dry_run: bool,
    overwrite: bool,
    trust: bool,
    as_json: bool,
) -> None:
    """Export the checkpoint or run MODEL, compare the result with it on real images, and bundle it.

    An export that disagrees makes no bundle, but a folder OUT-refused with a report; the exit code is 5 then.
    """
    result = api.export(
        model,
        data,
        out,
        preset=preset,
        config=config,
        overrides=overrides,
        qualification=qualification,
        overwrite=overwrite,
        trust=trust,
        dry_run=dry_run,
    )
    if as_json:
        emit_json(result.to_json())
        return
    show(table(sorted(result.request.items()), ("field", "value")))
    if result.bundle is None:
        next_step("export", *given(without="--dry-run"))
        return
    for note in result.notes:
        show(f"\n{note}")
    if result.gate is not None:
        show(f"\n{result.gate.describe()}")
    if result.unverified:
        show(f"\nUNVERIFIED: {result.unverified}; nothing says that it finds what the checkpoint finds")
    if result.golden is not None:
        show(f"golden set: {result.golden.images} images with {result.golden.detections} detections")
        if result.golden.unseen:
            show(f"  none of them shows {', '.join(result.golden.unseen)}")
    if result.contract is not None:
        show(f"the thresholds are those of the qualification; its contract is {result.contract}")
    show(f"bundle: {result.bundle}")
    next_step("selftest", result.bundle)
