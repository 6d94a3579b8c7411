"""Ultralytics YOLO, segment: polygons; a split by a list of images."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

FORMAT_NAME = "yolo"


def write(folder: Path) -> None:
    for name in ("a", "b"):
        picture(folder / "images" / f"{name}.jpg")
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.6\n1 0.2 0.2 0.8 0.2 0.8 0.8 0.2 0.8\n")
    (folder / "labels" / "b.txt").write_text("1 0.2 0.2 0.7 0.2 0.9 0.5 0.6 0.8 0.2 0.8\n")
    (folder / "train.txt").write_text("./images/a.jpg\n")
    (folder / "val.txt").write_text("./images/b.jpg\n")
    (folder / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames:\n  0: cat\n  1: dog\n")
