"""COCO: polygons, run lengths of both kinds, a crowd, keypoints, backgrounds, two splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.pictures import picture

CATEGORIES = [
    {"id": 90, "name": "toothbrush", "supercategory": "indoor"},
    {"id": 1, "name": "person", "supercategory": "animal", "keypoints": ["nose", "hand"], "skeleton": [[1, 2]]},
]

# Rows 10 to 39 of columns 20 to 39, without rows 20 to 24 of columns 25 to 29.
RUNS = "bo0n0d000000000\\OA5?KA5?KA5?KA5?KA5??000000000000000000^m2"


def write(folder: Path) -> None:
    _write(
        folder,
        "train",
        [
            {
                "bbox": [10, 5, 30, 20.5],
                "category_id": 90,
                "segmentation": [[10, 5, 40, 5, 40, 25.5], [1, 1, 2, 1, 2, 2]],
            },
            {"bbox": [5, 5, 50, 40], "category_id": 1, "iscrowd": 1, "segmentation": runs(5, 5, 50, 40)},
            {"bbox": [20, 10, 20, 30], "category_id": 1, "segmentation": {"size": [50, 100], "counts": RUNS}},
            {"bbox": [30, 10, 20, 30], "category_id": 1, "keypoints": [35, 20, 2, 0, 0, 0], "num_keypoints": 1},
        ],
        images=3,
    )
    _write(folder, "val", [{"bbox": [1, 2, 3, 4], "category_id": 90, "ignore": 1}], images=1)


def runs(x: int, y: int, width: int, height: int) -> dict[str, Any]:
    """A box in an image of 100 x 50 px as uncompressed run lengths."""
    counts = [x * 50 + y, *[height, 50 - height] * (width - 1), height]
    return {"size": [50, 100], "counts": [*counts, 100 * 50 - sum(counts)]}


def _write(folder: Path, split: str, annotations: list[dict[str, Any]], images: int) -> None:
    entries = []
    for i in range(1, images + 1):
        picture(folder / "images" / split / f"{split}_{i}.jpg")
        entries.append({"id": i, "file_name": f"{split}_{i}.jpg", "width": 100, "height": 50})
    content = {
        "info": {"year": 2026},
        "licenses": [],
        "images": entries,
        "annotations": [
            {"id": i, "image_id": 1 + i % max(1, images - 1), "iscrowd": 0, "area": 1.5, **annotation}
            for i, annotation in enumerate(annotations, start=1)
        ],
        "categories": CATEGORIES,
    }
    path = folder / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), "utf-8")
