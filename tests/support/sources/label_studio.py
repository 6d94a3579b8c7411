"""A Label Studio export: every control, several annotators, a skipped task, predictions, and the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.pictures import picture

FORMAT_NAME = "label-studio"

CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="box" toName="image"><Label value="dog"/><Label value="cat"/></RectangleLabels>
  <PolygonLabels name="shape" toName="image"><Label value="tree"/></PolygonLabels>
  <KeyPointLabels name="point" toName="image"><Label value="nose"/><Label value="tail"/></KeyPointLabels>
  <Choices name="weather" toName="image"><Choice value="sun"/><Choice value="rain"/></Choices>
</View>
"""
# A 2 x 2 px brush, packed by the SDK of Label Studio (`mask2rle`), whose second pixel is set.
BRUSH = [0, 0, 0, 16, 57, 27, 252, 96, 17, 255, 206, 0]


def result(kind: str, key: str = "r1", **value: Any) -> dict[str, Any]:
    more = {"parentID": value.pop("parent")} if "parent" in value else {}
    sizes = {"original_width": 100, "original_height": 50, "image_rotation": 0}
    return {"id": key, "type": kind, "from_name": kind, "to_name": "image", **sizes, **more, "value": value}


def task(number: int, image: str, *results: dict[str, Any], **more: Any) -> dict[str, Any]:
    annotation = {"id": number * 10, "completed_by": 1, "was_cancelled": False, "result": list(results)}
    return {"id": number, "annotations": [annotation], "predictions": [], "data": {"image": image}, **more}


RESULTS = [
    result("rectanglelabels", "r1", x=10, y=10, width=20, height=60, rotation=0, rectanglelabels=["dog"]),
    result("keypointlabels", "k1", x=12, y=20, width=0.5, keypointlabels=["nose"], parent="r1"),
    result("rectanglelabels", "r2", x=40, y=20, width=20, height=20, rotation=90, rectanglelabels=["dog", "cat"]),
    result("polygonlabels", "p1", points=[[10, 10], [20, 10], [20, 30]], closed=True, polygonlabels=["tree"]),
    result("ellipselabels", "e1", x=50, y=50, radiusX=10, radiusY=20, rotation=0, ellipselabels=["cat"]),
    result("choices", "c1", choices=["sun"]),
    result("rectangle", "r3", x=1, y=2, width=3, height=4, rotation=0),
    result("labels", "r3", x=1, y=2, width=3, height=4, rotation=0, labels=["cat"]),
]


def write(folder: Path) -> None:
    cancelled = {"id": 1, "was_cancelled": True, "result": []}
    brush = result("brushlabels", "b1", format="rle", rle=BRUSH, brushlabels=["tree"])
    tasks = [
        task(1, "/data/upload/1/0a1b2c3d-a.jpg", *RESULTS, file_upload="0a1b2c3d-a.jpg"),
        task(2, "/data/local-files/?d=pictures/mit%20Leer.jpg"),
        task(3, "s3://bucket/c.jpg", annotations=[cancelled], predictions=[{"result": RESULTS}]),
        task(4, "https://host/d.jpg?X-Amz-Signature=1", {**brush, "original_width": 2, "original_height": 2}),
        {"id": 5, "data": {"image": "e.jpg"}, "annotations": []},
    ]
    for name in ("a.jpg", "mit Leer.jpg", "c.jpg", "e.jpg"):
        picture(folder / "images" / name)
    picture(folder / "images" / "d.jpg", 2, 2)
    (folder / "config.xml").write_text(CONFIG)
    (folder / "project-1.json").write_text(json.dumps(tasks))
