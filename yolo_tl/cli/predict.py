"""``yolo-tl predict``: run a checkpoint, a bundle or an exported network."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import json_option, trust_option
from yolo_tl.cli.terminal import next_step, say, show
from yolo_tl.cli.tiles import tiling_options

if TYPE_CHECKING:
    from yolo_tl.edge.tiling import Tiling


@click.command(
    "predict",
    cls=Command,
    examples=[
        (
            "yolo-tl predict runs/parts/bundle datasets/parts/images/test --out runs/parts/predictions",
            "a bundle on a folder",
        ),
        ("yolo-tl predict runs/parts/weights/best.pt picture.jpg", "a checkpoint on one picture"),
        ("yolo-tl predict runs/parts/bundle large --tile 640 --json", "large pictures in tiles, as JSON lines"),
    ],
)
@click.argument("model", type=click.Path())
@click.argument("source", type=click.Path())
@click.option("--out", "-o", type=click.Path(), help="Folder for annotated pictures and JSON lines.")
@click.option("--confidence", type=click.FloatRange(0, 1), help="Lowest confidence; default: the model's own.")
@click.option("--iou", type=click.FloatRange(0, 1), help="NMS IoU; default: the model's own.")
@click.option("--imgsz", type=int, help="Side of the square input of a checkpoint, px; default: as trained.")
@click.option("--device", default="auto", show_default=True, help="For a checkpoint: auto, cpu, cuda or an index.")
@tiling_options
@trust_option
@json_option
def command(
    model: str,
    source: str,
    out: str | None,
    confidence: float | None,
    iou: float | None,
    imgsz: int | None,
    device: str,
    trust: bool,
    tiling: Tiling | None,
    as_json: bool,
) -> None:
    """Detect objects in SOURCE (an image, a folder, a glob or a video) with MODEL (.pt, bundle or exported network).

    Masks, turned boxes and keypoints come with the boxes where the model has them; a model that classifies names the
    classes of each image. Large images can be looked at in tiles (--tile); what a border cuts is found once and whole.
    With --json, one JSON object an image goes to stdout, a line each.
    """
    total = found = 0
    classified = False
    for prediction in api.predict(
        model,
        source,
        out=out,
        confidence=confidence,
        iou=iou,
        imgsz=imgsz,
        device=device,
        trust=trust,
        tiling=tiling,
    ):
        total, found = total + 1, found + len(prediction)
        classified = prediction.classified
        if as_json:
            json.dump(prediction.to_dict(), sys.stdout, ensure_ascii=False)
            sys.stdout.write("\n")
            sys.stdout.flush()
        else:
            show(f"{prediction.frame.label}: {prediction.describe()}")
    what = f"{total} images classified" if classified else f"{found} detections in {total} images"
    say(what + (f", written to {out}" if out else ""))
    if (Path(model) / "manifest.json").is_file():
        next_step("inspect", model, source, "--rules", "default")
