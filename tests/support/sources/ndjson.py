"""Ultralytics NDJSON: boxes, a background, an image without a split."""

from __future__ import annotations

import json
from pathlib import Path

from support.pictures import picture


def write(folder: Path) -> None:
    names = ("a.jpg", "b.jpg", "c.jpg")
    for name in names:
        picture(folder / "images" / name)
    boxes = [[0, 0.5, 0.5, 0.2, 0.4], [1, 0.25, 0.25, 0.5, 0.5]]
    base = {"type": "image", "width": 100, "height": 50, "url": "https://example.com/x/"}
    lines = [
        {"type": "dataset", "task": "detect", "name": "example", "class_names": {"0": "cat", "1": "dog"}},
        {**base, "file": names[0], "split": "train", "annotations": {"boxes": boxes}},
        {**base, "file": names[1], "split": "val", "annotations": {}},
        {"type": "image", "file": names[2], "annotations": {"boxes": boxes[:1]}},
    ]
    (folder / "dataset.ndjson").write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
