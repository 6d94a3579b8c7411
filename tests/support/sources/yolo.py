"""Ultralytics YOLO, detect: two splits, a background, an image without a label file, rows to be mended."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

LABELS = {
    "train/a": "0 0.5 0.5 0.2 0.4\n1 0.25 0.25 0.5 0.5\n",
    "train/b": "1,0.5,0.5,0.2,0.4\ndog 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.3 0.3 0.87\n",
    "train/background": "",
    "val/c": "1 0.1 0.1 0.3 0.1 0.3 0.4\n0 0.95 0.5 0.2 0.4\n",
}


def write(folder: Path) -> None:
    for name, text in LABELS.items():
        picture(folder / "images" / f"{name}.jpg")
        path = folder / "labels" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    picture(folder / "images" / "val" / "unlabelled.jpg")
    (folder / "data.yaml").write_text("path: .\ntrain: images/train\nval: images/val\nnc: 2\nnames: [cat, dog]\n")
