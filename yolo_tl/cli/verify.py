"""``yolo-tl verify``: does an artifact say what another does, on real images?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yolo_tl import api
from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command
from yolo_tl.cli.names import PresetName, SplitName
from yolo_tl.cli.options import (
    config_options,
    emit_json,
    head_option,
    imgsz_option,
    json_option,
    overwrite_option,
    resamples_option,
    table,
    trust_option,
)
from yolo_tl.cli.terminal import show
from yolo_tl.config import GateLimits

if TYPE_CHECKING:
    from yolo_tl.api.verifying import Verification
    from yolo_tl.exporting.gate import GateResult

_SHOWN = 10  # flipped images in the terminal


def render(report: Verification) -> str:
    """A table of the levels for each artifact, the stage that differs, and the flipped images."""
    return "\n\n".join(_gate(gate) for gate in report.gates)


def _gate(gate: GateResult) -> str:
    from yolo_tl.reporting.gate_page import level_rows
    from yolo_tl.reporting.markup import number, shown

    told = gate.to_json()
    rows = [
        (level, what, found, allowed, "" if kept else "BROKEN")
        for level, what, found, allowed, kept in level_rows(told)
    ]
    lines = [f"A {gate.a} (reference)", f"B {gate.b}", "", table(rows, ("level", "what", "found", "allowed", "")), ""]
    lines += [gate.describe()] if gate.passed else []  # else the error says it
    lines += [f"note: {note}" for note in gate.notes]
    if gate.at_threshold:
        lines.append(f"note: on {gate.at_threshold} more images rounding alone decides what is above a threshold")
    if gate.verdicts is not None:
        lines.append(f"pass or fail differs for {gate.verdicts.flipped} of {gate.verdicts.units} units")
    if gate.stages:
        stages = [
            (
                stage.stage,
                "differs" if stage.differs else "the same",
                "-" if stage.flips is None else f"{stage.flips}/{stage.images}",
                shown(stage.unmatched),
                number(stage.box, ".3g"),
                number(stage.score, ".3g"),
                stage.note,
            )
            for stage in gate.stages
        ]
        lines += ["", table(stages, ("stage", "", "flips", "unmatched", "box, px", "score", ""))]
    if gate.flips:
        flipped = [(flip.image.name, shown(flip.a), shown(flip.b)) for flip in gate.flips[:_SHOWN]]
        more = [f"... and {len(gate.flips) - _SHOWN} more"] if len(gate.flips) > _SHOWN else []
        lines += ["", table(flipped, ("flipped", "A", "B")), *more]
    return "\n".join(lines)


@click.command(
    "verify",
    cls=Command,
    examples=[
        (
            "yolo-tl verify runs/parts runs/parts/bundle --data datasets/parts",
            "does the bundle say what the checkpoint says?",
        ),
        (
            "yolo-tl verify runs/parts theirs.onnx --data datasets/parts --preset int8 --out runs/verified",
            "a file of others, limits of 8 bits",
        ),
    ],
)
@click.argument("models", nargs=-1, required=True, metavar="A B [C]...")
@click.option(
    "--data", "-d", required=True, type=click.Path(), help="A data.yaml or its folder, or a folder of images."
)
@click.option("--split", type=SplitName(), help="val, test or train; default: the first of these that there is.")
@click.option("--images", type=int, default=32, show_default=True, help="How many are compared; 0: all.")
@click.option("--preset", "-p", type=PresetName("export"), help="Take the limits of this export preset, or YAML file.")
@config_options(GateLimits)
@click.option("--confidence", type=float, help="Operating confidence; default: of the first bundle among the models.")
@click.option("--iou", type=float, help="NMS IoU; default: of the first bundle among the models.")
@click.option("--max-det", type=int, help="Most detections of an image; default: of the first bundle among the models.")
@click.option("--qualification", type=click.Path(), help="What `qualify` wrote: thresholds, and what is rejected.")
@click.option("--out", "-o", type=click.Path(), help="Folder for verify.json, report.html and flipped images.")
@click.option("--pictures", type=int, default=24, show_default=True, help="Flipped images drawn, most changed first.")
@imgsz_option
@head_option
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or a CUDA index, of a checkpoint.")
@click.option("--threads", type=int, help="CPU threads of the engines.")
@click.option(
    "--precision",
    type=Choice(["f32", "bf16", "f16"]),
    default="f32",
    show_default=True,
    help="Arithmetic of OpenVINO, whose own default is bf16 where the processor has it.",
)
@resamples_option
@overwrite_option
@trust_option
@json_option
def command(
    models: tuple[str, ...], data: str, images: int, overrides: dict[str, Any], as_json: bool, **options: Any
) -> None:
    """Hold the artifacts B, C... to the artifact A, on the images of DATA.

    An artifact is a checkpoint, a run folder, a bundle, or a network that anyone exported: ONNX, OpenVINO, NCNN,
    TorchScript, TensorRT. Four levels are compared: outputs, matched detections, images on which something else is
    found, and scores. DATA without labels does for the first three. Exit code 0: every limit is kept; 5: one is not.
    """
    report = api.verify(models, data, images=images or None, limits=overrides, **options)
    emit_json(report.to_json()) if as_json else show(render(report))
    report.require_passed()
