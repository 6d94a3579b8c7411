from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolo_tl.data.clean import Cleaned, clean
from yolo_tl.data.formats import FORMATS
from yolo_tl.data.ledger import Ledger
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.tree import Tree

Box = tuple[object, object, object, object]
VocObject = tuple[str, Box]


@pytest.fixture
def picture() -> Callable[..., Path]:
    """Write a grey image of a given size; its suffix names the file format."""

    def write(path: Path, width: int = 100, height: int = 50) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        ok, content = cv2.imencode(path.suffix, np.full((height, width, 3), 90, np.uint8))
        assert ok
        path.write_bytes(content.tobytes())
        return path

    return write


@pytest.fixture
def voc_xml() -> Callable[..., str]:
    """The text of a VOC file."""

    def text(objects: Iterable[VocObject] = (), *, filename: str = "", size: str = "", extra: str = "") -> str:
        items = "".join(
            f"<object><name>{name}</name>{extra}<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
            f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>\n"
            for name, (x1, y1, x2, y2) in objects
        )
        return f"<annotation>\n<filename>{filename}</filename>{size}\n{items}</annotation>\n"

    return text


@pytest.fixture
def voc(tmp_path: Path, picture: Callable[..., Path], voc_xml: Callable[..., str]) -> Callable[..., Path]:
    """Make a VOC folder of 100x50 px images from ``{stem: objects}``."""

    def make(images: dict[str, list[VocObject]], *, folder: str = "source", **xml: str) -> Path:
        root = tmp_path / folder
        for stem, objects in images.items():
            picture(root / "JPEGImages" / f"{stem}.jpg")
            path = root / "Annotations" / f"{stem}.xml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(voc_xml(objects, **xml), "utf-8")
        return root

    return make


@pytest.fixture
def ingest() -> Callable[..., tuple[Cleaned, Ledger]]:
    """Read and clean a source with one format."""

    def run(format: str, source: Path, **options: object) -> tuple[Cleaned, Ledger]:
        chosen = ReadOptions(**options)  # type: ignore[arg-type]
        tree = Tree(source, images=chosen.images)
        ledger = Ledger(tree.root)
        return clean(FORMATS[format].read(tree, chosen), options=chosen, ledger=ledger), ledger

    return run


def boxes_of(cleaned: Cleaned) -> dict[str, list[tuple[str, tuple[float, ...]]]]:
    return {record.path.name: [(a.name, a.box) for a in record.annotations] for record in cleaned.records}


@pytest.fixture
def boxes() -> Callable[[Cleaned], dict[str, list[tuple[str, tuple[float, ...]]]]]:
    """``{image name: [(class, box)]}`` of what was read."""
    return boxes_of
