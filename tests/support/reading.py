"""What a reader says of a folder, sorted by kind."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from support.pictures import picture
from yolo_tl.data.formats import FORMATS
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, ImageRecord, KeypointOrder, Note
from yolo_tl.data.tree import Tree


class Source(Struct):
    """The events of one source; images and what was dropped in the order they came."""

    records: list[ImageRecord]
    dropped: list[Dropped]
    notes: list[str]
    classes: tuple[str, ...]
    keypoints: tuple[str, ...]

    @property
    def annotations(self) -> list[Annotation]:
        return [annotation for record in self.records for annotation in record.annotations]

    @property
    def reasons(self) -> list[str]:
        return [item.reason for item in self.dropped]

    def names(self) -> list[str]:
        return [record.path.name for record in self.records]


def read_all(format: str, source: Path, **options: object) -> Source:
    chosen = ReadOptions(**options)  # type: ignore[arg-type]
    events = list(FORMATS[format].read(Tree(source, images=chosen.images), chosen))
    return Source(
        [event for event in events if isinstance(event, ImageRecord)],
        [event for event in events if isinstance(event, Dropped)],
        [event.text for event in events if isinstance(event, Note)],
        tuple(name for event in events if isinstance(event, ClassOrder) for name in event.names),
        tuple(name for event in events if isinstance(event, KeypointOrder) for name in event.names),
    )


def write_json(path: Path, content: Any, images: tuple[str, ...] = (), encoding: str = "utf-8") -> Path:
    """A JSON file and, beside it, images of 100 x 50 px."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    for name in images:
        picture(path.parent / name)
    return path.parent


def peer_boxes(format: str, file: Path) -> list[tuple[float, float, float, float]]:
    """The boxes that panlabel reads from `file`; the test is skipped where the tool is not installed."""
    tool = shutil.which("panlabel")
    if tool is None:
        pytest.skip("panlabel is not installed")
    target = file.with_name("panlabel.coco")
    command = [tool, "convert", "--from", format, "--to", "coco", "-i", str(file), "-o", str(target), "--allow-lossy"]
    subprocess.run(command, check=True, capture_output=True)
    found = (entry["bbox"] for entry in json.loads(target.read_text())["annotations"])
    return [(x, y, x + width, y + height) for x, y, width, height in found]
