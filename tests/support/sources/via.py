"""VIA 2: a project with every shape, a checkbox attribute, and an image without regions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.pictures import picture


def region(attributes: dict[str, Any], name: str, **numbers: Any) -> dict[str, Any]:
    return {"shape_attributes": {"name": name, **numbers}, "region_attributes": attributes}


def entry(path: Path, regions: Any, **more: Any) -> dict[str, Any]:
    size = path.stat().st_size
    return {f"{path.name}{size}": {"filename": path.name, "size": size, "regions": regions, **more}}


def project(images: dict[str, Any], region_attributes: dict[str, Any]) -> str:
    settings = {"ui": {}, "core": {}, "project": {"name": "made"}}
    attributes = {"region": region_attributes, "file": {}}
    content = {"_via_settings": settings, "_via_img_metadata": images, "_via_attributes": attributes}
    return json.dumps({**content, "_via_data_format_version": "2.0.10", "_via_image_id_list": list(images)})


def write(folder: Path) -> None:
    a, b, c = (picture(folder / name) for name in ("a.jpg", "b.png", "nothing.jpg"))
    images = {
        **entry(
            a,
            [
                region({"what": {"cat": True}}, "rect", x=10, y=5, width=30, height=20),
                region({"what": {"cat": True, "dog": True, "bird": False}}, "circle", cx=50, cy=25, r=10),
                region({"what": {"dog": True}}, "ellipse", cx=70, cy=25, rx=10, ry=5, theta=0.5),
                region({"what": {"dog": True}}, "polygon", all_points_x=[1, 20, 9], all_points_y=[1, 2, 30]),
                region({"what": {"cat": True}}, "polyline", all_points_x=[1, 20], all_points_y=[1, 2]),
                region({"what": {"cat": True}}, "point", cx=3, cy=4),
            ],
            file_attributes={"caption": "made"},
        ),
        **entry(b, [region({"what": {}}, "rect", x=1, y=1, width=5, height=5)], file_attributes={}),
        **entry(c, [], file_attributes={}),
    }
    options = {"dog": "", "cat": "", "bird": ""}
    what = {"type": "checkbox", "description": "", "options": options, "default_options": {}}
    (folder / "via_project.json").write_text(project(images, {"what": what}), "utf-8")
