"""A Create ML source: boxes, a negative, a number as a label, and Apple's own key names."""

from __future__ import annotations

import json
from pathlib import Path

from support.pictures import picture


def write(folder: Path) -> None:
    def box(label: object, x: float, y: float, width: float, height: float) -> dict[str, object]:
        return {"label": label, "coordinates": {"x": x, "y": y, "width": width, "height": height}}

    rows = [
        {"image": "a.jpg", "annotations": [box("cat", 20, 20, 20, 30), box(3, 50.5, 25, 101, 50)]},
        {"image": "b.jpg", "annotations": []},
        {"imagefilename": "sub/c.jpg", "annotation": [box("dog", 10, 10, 4, 4)]},
    ]
    for name in ("a.jpg", "b.jpg", "sub/c.jpg"):
        picture(folder / name)
    (folder / "_annotations.createml.json").write_text(json.dumps(rows))
