"""A SageMaker manifest: boxes, a negative, a failed row, a row without the label attribute."""

from __future__ import annotations

import json
from pathlib import Path

from support.pictures import picture


def write(folder: Path) -> None:
    def meta(classes: dict[str, str]) -> dict[str, object]:
        return {"objects": [], "class-map": classes, "type": "groundtruth/object-detection", "human-annotated": "yes"}

    def boxes(*annotations: dict[str, object]) -> dict[str, object]:
        return {"image_size": [{"width": 100, "height": 50, "depth": 3}], "annotations": list(annotations)}

    first = {"class_id": 1, "left": 10, "top": 5, "width": 20, "height": 30}
    second = {"class_id": 0, "left": 0.5, "top": 0, "width": 100, "height": 50}
    rows = [
        {
            "source-ref": "s3://bucket/set/a.jpg",
            "parts": boxes(first, second),
            "parts-metadata": meta({"0": "cat", "1": "dog"}),
        },
        {"source-ref": "s3://bucket/set/b.jpg", "parts": boxes(), "parts-metadata": meta({})},
        {"source-ref": "s3://bucket/set/c d.jpg", "parts-metadata": {"failure-reason": "ClientError: no worker"}},
        {"source-ref": "s3://bucket/set/e.jpg"},
    ]
    for name in ("a.jpg", "b.jpg", "c d.jpg", "e.jpg"):
        picture(folder / "images" / name)
    lines = [json.dumps(row) for row in rows]
    (folder / "output.manifest").write_text("\n".join([*lines[:2], "", *lines[2:]]) + "\n")
