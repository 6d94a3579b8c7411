"""A Datumaro source: two subsets, every kind of shape, a group, a crowd, items without a path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.pictures import picture

CATEGORIES = {
    "label": {"labels": [{"name": name, "parent": "", "attributes": []} for name in ("dog", "cat", "man")]},
    "points": {"items": [{"label_id": 2, "labels": ["head", "foot"], "joints": [[1, 2]]}]},
}


def entry(kind: str, label: int | None, **more: Any) -> dict[str, Any]:
    return {"id": 0, "type": kind, "attributes": {}, "group": 0, "label_id": label, **more}


ANNOTATIONS = [
    entry("bbox", 1, bbox=[10.0, 5.0, 20.0, 30.0]),
    entry("bbox", 0, bbox=[40.0, 20.0, 20.0, 10.0], group=7, attributes={"is_crowd": True}),
    entry("polygon", 0, points=[40.0, 20.0, 45.0, 20.0, 45.0, 30.0], group=7),
    entry("polygon", 0, points=[55.0, 20.0, 60.0, 20.0, 60.0, 30.0], group=7),
    entry("mask", 1, rle={"counts": "525", "size": [4, 3]}),
    entry("ellipse", 1, points=[10.0, 10.0, 30.0, 20.0]),
    entry("points", 2, points=[5.0, 6.0, 7.0, 8.0], visibility=[2, 1]),
    entry("bbox", 0, bbox=[40.0, 20.0, 20.0, 10.0], attributes={"rotation": 90.0, "difficult": True}),
    entry("label", 0),
    entry("polyline", 0, points=[1.0, 1.0, 9.0, 9.0]),
    entry("caption", None, caption="a dog"),
]


def write(folder: Path) -> None:
    def subset(name: str, items: list[dict[str, Any]]) -> None:
        document = {"dm_format_version": "1.0", "media_type": 2, "infos": {}, "categories": CATEGORIES, "items": items}
        path = folder / "annotations" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))

    image = {"path": "a.jpg", "size": [50, 100]}
    subset("train", [{"id": "a", "annotations": ANNOTATIONS, "image": image}, {"id": "b", "annotations": []}])
    subset("val", [{"id": "a", "annotations": [entry("bbox", 1, bbox=[1, 2, 3, 4])], "image": image}])
    for name in ("train/a.jpg", "train/b.png", "val/a.jpg"):
        picture(folder / "images" / name)
