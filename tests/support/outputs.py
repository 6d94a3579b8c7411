"""Data sets made by hypothesis, written by a format and read back."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath

from hypothesis import strategies as st

from support.pictures import png
from yolo_tl.data.formats import FORMATS
from yolo_tl.data.formats.base import Output
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Annotation, ClassOrder, Dropped, ImageRecord
from yolo_tl.data.tree import Tree

CLASSES = ("cat", "dog bowl", "Ärger", "3", "a.b-c_d")


@st.composite
def _annotation(draw: st.DrawFn, task: str, width: int, height: int, number: int) -> Annotation:
    name = draw(st.sampled_from(CLASSES))
    x = st.floats(0, width - 2, width=32)
    y = st.floats(0, height - 2, width=32)
    x1, y1 = draw(x), draw(y)
    x2 = draw(st.floats(math.floor(x1) + 1.5, width, width=32))
    y2 = draw(st.floats(math.floor(y1) + 1.5, height, width=32))
    box = (x1, y1, x2, y2)
    place = f"object {number}"
    if task == "segment":
        middle = draw(st.floats(0.125, 0.875, width=32))
        ring = (x1, y1, x2, y1 + (y2 - y1) * middle, x1 + (x2 - x1) * middle, y2)
        return Annotation(name, box, place, parts=(ring,))
    if task == "pose":
        seen = draw(st.sampled_from([0, 1, 2]))
        points = (x1, y1, 2.0, *((0.0, 0.0, 0.0) if seen == 0 else (x2, y2, float(seen))))
        return Annotation(name, box, place, keypoints=points)
    if task == "obb":
        cx, cy, angle = (x1 + x2) / 2, (y1 + y2) / 2, draw(st.floats(0, math.pi / 2 - 0.01))
        a, b = (x2 - x1) / 4, (y2 - y1) / 4  # small enough to stay in the image
        a, b = min(a, b), min(a, b) / 2
        cos, sin = math.cos(angle), math.sin(angle)
        corners = tuple(
            value
            for u, v in ((-a, -b), (a, -b), (a, b), (-a, b))
            for value in (cx + u * cos - v * sin, cy + u * sin + v * cos)
        )
        extent = (min(corners[::2]), min(corners[1::2]), max(corners[::2]), max(corners[1::2]))
        return Annotation(name, extent, place, corners=corners)
    return Annotation(name, box, place)


@st.composite
def images(draw: st.DrawFn, task: str = "detect") -> list[ImageRecord]:
    """One to four records, cleaned as a writer gets them: splits set, all in px, some backgrounds."""
    records = []
    for i in range(draw(st.integers(1, 4))):
        width, height = draw(st.integers(8, 300)), draw(st.integers(8, 300))
        count = draw(st.integers(0 if i else 1, 3))
        annotations = tuple(draw(_annotation(task, width, height, k)) for k in range(1, count + 1))
        split = draw(st.sampled_from(["train", "val", "test"])) if i else "train"
        path = Path(draw(st.sampled_from(["plain", "dotted.na.me", "mit Leer", "Größe"])) + f"_{i}.png")
        records.append(ImageRecord(path, Path("source"), annotations, split=split, size=(width, height)))
    return records


def write(format: str, folder: Path, records: list[ImageRecord], task: str = "detect") -> int:
    """Write `records` and their images with the writer of `format`; the number of annotations it wrote."""
    places = [PurePosixPath("images", str(record.split), record.path.name) for record in records]
    for record, place in zip(records, places, strict=True):
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        assert record.size is not None
        target.write_bytes(png(*record.size))
    keypoints = ("nose", "tail") if task == "pose" else ()
    writer = FORMATS[format].write
    assert writer is not None
    return writer(Output(folder, records, places, CLASSES, keypoints, task))


def read(format: str, folder: Path, **options: object) -> tuple[dict[str, ImageRecord], tuple[str, ...]]:
    """The records of a folder by the names of their images, and the class order; nothing may be dropped."""
    found: dict[str, ImageRecord] = {}
    names: tuple[str, ...] = ()
    for event in FORMATS[format].read(Tree(folder), ReadOptions(**options)):  # type: ignore[arg-type]
        assert not isinstance(event, Dropped), event
        if isinstance(event, ImageRecord):
            assert event.path.name not in found
            found[event.path.name] = event
        elif isinstance(event, ClassOrder):
            names = (*names, *(name for name in event.names if name not in names))
    return found, names
