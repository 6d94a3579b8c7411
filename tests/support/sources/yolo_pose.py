"""Ultralytics YOLO, pose: three keypoints, one hidden and one missing."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

FORMAT_NAME = "yolo"

YAML = """train: images/train
val: images/val
kpt_shape: [3, 3]
flip_idx: [0, 2, 1]
names: {0: person}
kpt_names:
  0: [nose, left_eye, right_eye]
"""


def write(folder: Path) -> None:
    for split in ("train", "val"):
        picture(folder / "images" / split / f"{split}.jpg")
        (folder / "labels" / split).mkdir(parents=True)
        row = "0 0.5 0.5 0.4 0.6 0.5 0.3 2 0.45 0.25 1 0 0 0\n"
        (folder / "labels" / split / f"{split}.txt").write_text(row)
    (folder / "data.yaml").write_text(YAML)
