"""LabelMe: every shape it has, parts, keypoints, an empty file, and an image without one."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from support.pictures import picture


def png_text(rows: list[str]) -> str:
    """A mask as LabelMe writes it: base64 of a PNG with 0 and 1."""
    pixels = np.array([[char == "#" for char in row] for row in rows], np.uint8)
    ok, content = cv2.imencode(".png", pixels)
    assert ok
    return base64.b64encode(content.tobytes()).decode()


def shape(label: str, kind: str | None, points: Any, **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def document(image: str, shapes: list[dict[str, Any]], **more: Any) -> str:
    content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None}
    return json.dumps({**content, "imageHeight": 50, "imageWidth": 100, **more})


def write(folder: Path) -> None:
    train, val = folder / "train", folder / "val"
    for name in ("a.jpg", "b.png", "nothing.jpg"):
        picture(train / name)
    picture(val / "c.d.jpg")
    picture(val / "unseen.jpg")
    (train / "a.json").write_text(
        document(
            "a.jpg",
            [
                shape("cat", "polygon", [[10, 10], [30, 10], [20, 30.5]]),
                shape("cat", None, [[40, 10], [60, 10], [50, 30]]),
                shape("dog", "rectangle", [[90, 45], [70, 5]]),
                shape("dog", "oriented_rectangle", [[20, 20], [30, 30], [25, 35], [15, 25]]),
                shape("coin", "circle", [[50, 25], [53, 29]]),
                shape("hole", "mask", [[5, 6], [8, 8]], mask=png_text(["####", "#..#", "####"])),
                shape("split", "polygon", [[1, 1], [5, 1], [5, 5]], group_id=7),
                shape("split", "polygon", [[11, 1], [15, 1], [15, 5]], group_id=7),
                shape("edge", "line", [[0, 0], [9, 9]]),
            ],
        ),
        "utf-8",
    )
    points = [
        shape("nose", "point", [[15, 12]], group_id=1),
        shape("tail", "point", [[35, 28]], group_id=1, flags={"hidden": True}),
    ]
    body = shape("dog", "rectangle", [[10, 10], [40, 30]], group_id=1)
    (train / "b.json").write_text(document("..\\train\\b.png", [body, *points]), "utf-8")
    (train / "nothing.json").write_text(document("nothing.jpg", [], imageData="AAAA"), "utf-8")
    (val / "c.d.json").write_text(document("c.d.jpg", [shape("Größe", "rectangle", [[0, 0], [100, 50]])]), "utf-8")
    (folder / "labels.txt").write_text("__ignore__\n_background_\ndog\ncat\n", "utf-8")
