"""A Scalabel source: boxes, polygons with a curve, run lengths, a lane, an empty frame, a video."""

from __future__ import annotations

import json
from pathlib import Path

from support.pictures import picture

LABELS = [
    {"id": "1", "category": "car", "attributes": {"crowd": False}, "box2d": {"x1": 10, "y1": 5, "x2": 29, "y2": 34}},
    {"id": "2", "category": "person", "attributes": {"crowd": True}, "box2d": {"x1": 0, "y1": 0, "x2": 99, "y2": 49}},
    {
        "id": "3",
        "category": "truck",
        "poly2d": [
            {"vertices": [[10, 10], [30, 10], [30, 30], [10, 30]], "types": "LLLL", "closed": True},
            {"vertices": [[50, 10], [60, 10], [60, 30], [50, 30]], "types": "LLCC", "closed": True},
        ],
    },
    {"id": "4", "category": "bus", "rle": {"counts": "525", "size": [4, 3]}},
    {"id": "5", "category": "lane", "poly2d": [{"vertices": [[0, 0], [9, 9]], "types": "LL", "closed": False}]},
]


def write(folder: Path) -> None:
    frames = [
        {"name": "a.jpg", "videoName": "v1", "frameIndex": 0, "labels": LABELS, "size": {"width": 100, "height": 50}},
        {"name": "b.jpg", "videoName": "v1", "frameIndex": 1, "labels": None},
        {"name": "c.jpg", "timestamp": 10000},
    ]
    categories = [{"name": "human", "subcategories": [{"name": "person"}]}, {"name": "car"}, {"name": "truck"}]
    config = {"imageSize": {"width": 100, "height": 50}, "categories": [*categories, {"name": "bus"}]}
    for name in ("v1/a.jpg", "v1/b.jpg", "c.jpg"):
        picture(folder / "images" / name)
    path = folder / "labels" / "box_track_train.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"frames": frames, "config": config}))
