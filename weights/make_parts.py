"""Makes `yolo26n-parts.pt`: draws the source set, trains YOLO26n on it from random weights, and scores it.

    python weights/make_parts.py

takes three quarters of an hour of one core with bfloat16 instructions, longer without. What it trained with and how it
went is written to `yolo26n-parts.log` beside it. Said again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import json
from functools import partial
from pathlib import Path

import yaml
from parts.pictures import write_set

import yolo_tl
from yolo_tl.engine.bfloat16 import cpu_computes_bfloat16
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.saving import save_checkpoint
from yolo_tl.files import sha256, write_text
from yolo_tl.run_series import finish_run
from yolo_tl.transfer.progress import Silent

OUT = Path(__file__).resolve().parent / "yolo26n-parts.pt"
TRAIN, VAL, SIZE, SEED = 10_000, 500, 192, 0
RECIPE = {
    "epochs": 12,
    "imgsz": SIZE,
    "batch": 16,
    "warmup": 0.5,
    "val_every": 2,
    "seed": SEED,
    # The pictures are crowded and differ in everything; mosaics would only make parts smaller.
    "augment.mosaic": 0.0,
    "augment.scale": 0.3,
    "augment.flipud": 0.5,
}


def main() -> None:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/parts"), help="folder of the set and the run")
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU")
    asked = parser.parse_args()
    data, run = asked.work / "data" / "data.yaml", asked.work / "run"
    if not data.is_file():
        write_set(asked.work / "data", train=TRAIN, val=VAL, size=SIZE, seed=SEED)
    precision = {"precision": "bf16"} if cpu_computes_bfloat16() else {}
    overrides = {**RECIPE, **precision, "threads": asked.threads}
    begin = partial(yolo_tl.train, data, "yolo26n.yaml", out=run, preset="scratch", overrides=overrides, overwrite=True)
    finish_run(run, "the run", train=begin, resume=partial(yolo_tl.resume, run), listener=Silent())
    publish(run)


def publish(run: Path) -> None:
    """Copy the best checkpoint of a run without the paths of the machine it was made on, and tell how it went."""
    network = load_checkpoint(run / "weights" / "best.pt")
    arguments = {**network.args, "data": "parts", "project": None, "name": "parts"}
    save_checkpoint(network, OUT, train_args=arguments)
    scores = json.loads((run / "metrics.json").read_text("utf-8"))
    decisions = yaml.safe_load((run / "run.yaml").read_text("utf-8"))["decisions"]
    with (run / "results.csv").open(newline="") as lines:
        epochs = list(csv.DictReader(lines))
    columns = ["epoch", "time", "train/box_loss", "train/cls_loss", "metrics/mAP50(B)", "metrics/mAP50-95(B)"]
    heads = [column.rpartition("/")[2].replace("(B)", "") for column in columns]
    rows = [heads, *([epoch[column] for column in columns] for epoch in epochs)]
    text = [
        f"{OUT.name}  sha256 {sha256(OUT)}",
        f"val, {scores['images']} pictures: mAP50-95 {scores['map50_95']:.3f}, mAP50 {scores['map50']:.3f}",
        "",
        *("".join(cell.rjust(10) for cell in row) for row in rows),
        "",
        *(f"{key:24}{decision['value']!s:12}{decision['source']}" for key, decision in decisions.items()),
    ]
    write_text(OUT.with_suffix(".log"), "\n".join([*text, ""]))


if __name__ == "__main__":
    main()
