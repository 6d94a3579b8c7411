"""COCO panoptic: two images, one with a thing, a crowd and stuff, one with nothing."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from support.pictures import picture

THING, CROWD, STUFF = 70_000, 300, 5


def write(folder: Path) -> None:
    ids = np.zeros((50, 100), np.int32)
    ids[10:40, 20:50] = THING
    ids[20:30, 30:40] = 0
    ids[5:9, 60:90] = CROWD
    ids[41:, :] = STUFF
    for name in ("a", "b"):
        picture(folder / "val2017" / f"{name}.jpg")
        save(folder / "annotations" / "panoptic_val2017" / f"{name}.png", ids if name == "a" else ids * 0)
    content = {
        "images": [{"id": i, "file_name": f"{name}.jpg", "width": 100, "height": 50} for i, name in enumerate("ab")],
        "annotations": [
            {
                "segments_info": [
                    {"id": THING, "category_id": 1, "bbox": [20, 10, 30, 30], "area": 800, "iscrowd": 0},
                    {"id": CROWD, "category_id": 1, "bbox": [60, 5, 30, 4], "area": 120, "iscrowd": 1},
                    {"id": STUFF, "category_id": 187, "bbox": [0, 41, 100, 9], "area": 900, "iscrowd": 0},
                ],
                "file_name": "a.png",
                "image_id": 0,
            },
            {"segments_info": [], "file_name": "b.png", "image_id": 1},
        ],
        "categories": [
            {"id": 1, "name": "person", "supercategory": "person", "isthing": 1},
            {"id": 187, "name": "sky-other-merged", "supercategory": "sky", "isthing": 0},
        ],
    }
    (folder / "annotations" / "panoptic_val2017.json").write_text(json.dumps(content))


def save(path: Path, ids: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.stack([ids >> 16, ids >> 8 & 255, ids & 255], axis=-1).astype(np.uint8)  # blue, green, red
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
