"""VoTT 2: a JSON export with every kind of region, and assets seen, unseen and taken from a video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.pictures import picture

VISITED, TAGGED = 1, 2


def asset(name: str, state: int, regions: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    fields = {"format": name.rpartition(".")[2], "id": f"id-{name}", "name": name, "path": f"file:/else/where/{name}"}
    fields |= {"size": {"width": 100, "height": 50}, "state": state, "type": 1, **more}
    return {"asset": fields, "regions": regions, "version": "2.2.0"}


def box(tags: list[str], left: float, top: float, width: float, height: float, kind: str = "RECTANGLE") -> Any:
    corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    bounds = {"left": left, "top": top, "width": width, "height": height}
    points = [{"x": x, "y": y} for x, y in corners]
    return {"id": "r", "type": kind, "tags": tags, "boundingBox": bounds, "points": points}


def export(assets: list[dict[str, Any]], tags: tuple[str, ...] = ("dog", "cat")) -> str:
    content = {"name": "made", "securityToken": "none", "tags": [{"name": tag, "color": "#fff"} for tag in tags]}
    return json.dumps({**content, "id": "p", "version": "2.2.0", "assets": {a["asset"]["id"]: a for a in assets}})


def write(folder: Path) -> None:
    root = folder / "vott-json-export"
    for name in ("a.jpg", "b.jpg", "new.jpg", "film.mp4#t=1.5.jpg"):
        picture(root / name)
    outline = box(["cat"], 10, 10, 20, 20, "POLYGON")
    outline["points"] = [{"x": 10, "y": 10}, {"x": 30, "y": 10}, {"x": 20, "y": 30}]
    line = box(["cat"], 10, 10, 20, 20, "POLYLINE")
    assets = [
        asset("a.jpg", TAGGED, [box(["cat", "dog"], 1.5, 2.5, 30, 20), outline, line]),
        asset("b.jpg", VISITED, []),
        asset("new.jpg", 0, []),
        asset("film.mp4#t=1.5", TAGGED, [box(["dog"], 0, 0, 100, 50)], type=3, parent={"name": "film.mp4"}),
    ]
    (root / "made-export.json").write_text(export(assets), "utf-8")
