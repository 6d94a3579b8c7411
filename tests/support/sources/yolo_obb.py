"""Ultralytics YOLO, oriented boxes: four corners a row, and one upright box."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

FORMAT_NAME = "yolo"


def write(folder: Path) -> None:
    for split in ("train", "val"):
        picture(folder / "images" / split / f"{split}.jpg")
        (folder / "labels" / split).mkdir(parents=True)
        rows = "0 0.5 0.2 0.7 0.4 0.5 0.6 0.3 0.4\n1 0.1 0.1 0.3 0.1 0.3 0.2 0.1 0.2\n"
        (folder / "labels" / split / f"{split}.txt").write_text(rows)
    yaml = "train: images/train\nval: images/val\ntask: obb\nnames: {0: plane, 1: ship}\n"
    (folder / "data.yaml").write_text(yaml)
