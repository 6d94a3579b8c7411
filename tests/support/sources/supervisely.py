"""Supervisely: two data sets under one meta.json, with every shape of its images."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

from support.pictures import picture
from support.sources.labelme import png_text


def deflated(rows: list[str]) -> str:
    return base64.b64encode(zlib.compress(base64.b64decode(png_text(rows)))).decode()


def figure(name: str, kind: str | None, exterior: Any = None, interior: Any = (), **more: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"classTitle": name, "tags": [], **more}
    if kind is not None:
        content["geometryType"] = kind
    if exterior is not None:
        content["points"] = {"exterior": exterior, "interior": list(interior)}
    return content


def document(objects: list[Any], tags: list[Any] | None = None, **more: Any) -> str:
    size = {"height": 50, "width": 100}
    return json.dumps({"description": "", "tags": tags or [], "size": size, "objects": objects, **more})


def meta(classes: list[dict[str, Any]], tags: list[dict[str, Any]] | None = None) -> str:
    return json.dumps({"classes": classes, "tags": tags or [], "projectType": "images"})


NODES = {"u-1": {"label": "nose", "loc": [1, 1]}, "u-2": {"label": "tail", "loc": [2, 2]}}


def write(folder: Path) -> None:
    classes = [
        {"title": "dog", "shape": "rectangle", "color": "#F6FF00", "geometry_config": {}},
        {"title": "cat", "shape": "polygon"},
        {"title": "blob", "shape": "bitmap"},
        {"title": "pose", "shape": "graph", "geometry_config": {"nodes": NODES, "edges": []}},
        {"title": "plane", "shape": "oriented_bbox"},
    ]
    tags = [{"name": "sunny", "value_type": "none"}, {"name": "train", "value_type": "none"}]
    (folder / "one").mkdir(parents=True)
    (folder / "meta.json").write_text(meta(classes, tags), "utf-8")
    objects = [
        figure("dog", "rectangle", [[0, 0], [99, 49]]),
        figure("cat", "polygon", [[10, 10], [40, 10], [40, 40], [10, 40]], [[[20, 20], [30, 20], [30, 30]]]),
        figure("blob", "bitmap", bitmap={"origin": [7, 8], "data": deflated(["####", "#..#", "####"])}),
        figure("pose", "graph", nodes={"u-1": {"loc": [5, 6]}, "u-2": {"loc": [9, 9], "disabled": True}}),
        figure("plane", "oriented_bbox", points=[[20, 20], [39, 29]], angle=0.5),
        figure("cat", "line", [[1, 1], [5, 5]]),
    ]
    for name, image, content in (
        ("one", "a.jpg", document(objects, [{"name": "sunny"}])),
        ("one", "b.png", document([])),
        ("two", "a.jpg", document([figure("cat", None, [[1, 1], [5, 1], [5, 5]])], [{"name": "train"}])),
    ):
        picture(folder / name / "img" / image)
        (folder / name / "ann").mkdir(exist_ok=True)
        (folder / name / "ann" / f"{image}.json").write_text(content, "utf-8")
