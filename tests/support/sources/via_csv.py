"""VIA 2: the CSV export, with JSON in its cells."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from support.pictures import picture

FORMAT_NAME = "via"
HEADER = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)


def write_csv(path: Path, rows: list[tuple[Any, ...]], header: tuple[str, ...] = HEADER) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        for *cells, shape, attributes in rows:
            writer.writerow([*cells, json.dumps(shape), json.dumps(attributes)])


def write(folder: Path) -> None:
    a, b = picture(folder / "images/a.jpg"), picture(folder / "images/b c.png")
    sizes = a.stat().st_size, b.stat().st_size
    box = {"name": "rect", "x": 10, "y": 5, "width": 30, "height": 20}
    outline = {"name": "polygon", "all_points_x": [1, 20, 9], "all_points_y": [1, 2, 30]}
    rows = [
        (a.name, sizes[0], "{}", 2, 0, box, {"class": "cat"}),
        (a.name, sizes[0], "{}", 2, 1, outline, {"class": "dog, big"}),
        (b.name, sizes[1], "{}", 0, 0, {}, {}),
    ]
    write_csv(folder / "via_export_csv.csv", rows)
