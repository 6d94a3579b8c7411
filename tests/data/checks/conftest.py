from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from yolo_tl.data.checking import check
from yolo_tl.data.checks import Finding
from yolo_tl.data.sample import make_sample


class Planted:
    """A copy of the clean generated set, to plant one fault in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.yaml = root / "data.yaml"

    def images(self, split: str = "train") -> list[Path]:
        return sorted((self.root / "images" / split).iterdir())

    def image(self, index: int = 0, split: str = "train") -> Path:
        return self.images(split)[index]

    def label(self, index: int = 0, split: str = "train") -> Path:
        return self.label_of(self.image(index, split))

    def label_of(self, image: Path) -> Path:
        return self.root / "labels" / image.parent.name / f"{image.stem}.txt"

    def rows(self, index: int = 0, split: str = "train") -> list[str]:
        return self.label(index, split).read_text().splitlines()

    def write(self, *rows: str, index: int = 0, split: str = "train") -> Path:
        path = self.label(index, split)
        path.write_text("".join(f"{row}\n" for row in rows))
        return path

    def each_row(self, change: Callable[[str], str], *splits: str) -> None:
        """Change every row of every label file (of some splits)."""
        for path in sorted((self.root / "labels").rglob("*.txt")):
            if not splits or path.parent.name in splits:
                path.write_text("".join(f"{change(row)}\n" for row in path.read_text().splitlines()))

    def config(self, **changes: object) -> None:
        """Change keys of the data.yaml; None removes one."""
        content = {**yaml.safe_load(self.yaml.read_text()), **changes}
        kept = {key: value for key, value in content.items() if value is not None}
        self.yaml.write_text(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True), "utf-8")

    def draw(self, path: Path, pixels: np.ndarray) -> Path:
        ok, content = cv2.imencode(path.suffix, pixels)
        assert ok
        path.write_bytes(content.tobytes())
        return path

    def findings(self, **options: object) -> dict[str, Finding]:
        return {finding.id: finding for finding in check(self.yaml, **options).findings}  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def clean_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("clean") / "data", images=80, size=(96, 128), format="yolo")


@pytest.fixture
def planted(clean_set: Path, tmp_path: Path) -> Planted:
    return Planted(Path(shutil.copytree(clean_set, tmp_path / "data")))


def _hexagon(row: str) -> str:
    name, *numbers = row.split()
    x, y, w, h = map(float, numbers)
    points = [(-0.5, 0), (-0.25, -0.5), (0.25, -0.5), (0.5, 0), (0.25, 0.5), (-0.25, 0.5)]
    return " ".join([name, *(f"{v:.6f}" for a, b in points for v in (x + a * w, y + b * h))])


def _corners(row: str) -> str:
    name, *numbers = row.split()
    x, y, w, h = map(float, numbers)
    points = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
    return " ".join([name, *(f"{v:.6f}" for a, b in points for v in (x + a * w, y + b * h))])


def _pose(row: str) -> str:
    x, y, w, _ = map(float, row.split()[1:])
    return f"{row} {x - w / 4:.6f} {y:.6f} 2 {x + w / 4:.6f} {y:.6f} 1 0 0 0"


@pytest.fixture
def segments(planted: Planted) -> Planted:
    """The clean set with hexagons for boxes."""
    planted.each_row(_hexagon)
    return planted


@pytest.fixture
def oriented(planted: Planted) -> Planted:
    """The clean set with four corners for boxes."""
    planted.each_row(_corners)
    return planted


@pytest.fixture
def poses(planted: Planted) -> Planted:
    """The clean set with three keypoints in each box."""
    planted.each_row(_pose)
    planted.config(kpt_shape=[3, 3], flip_idx=[1, 0, 2])
    return planted
