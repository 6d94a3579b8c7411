"""The two real data sets, against counts and boxes parsed here without the package."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from yolo_tl.data import ReadOptions, convert, read_dataset
from yolo_tl.data.dataset import Dataset
from yolo_tl.data.detect import detect
from yolo_tl.data.formats import FORMATS
from yolo_tl.data.tree import Tree

pytestmark = pytest.mark.real_data

DEEPPCB = ReadOptions(
    columns="x1 y1 x2 y2 class",
    names=["open", "short", "mousebite", "spur", "copper", "pin-hole"],
    image_pattern="{dir}/{stem}_test{ext}",
)
Truth = dict[str, set[tuple[str, float, float, float, float]]]


def boxes(dataset: Dataset) -> Truth:
    """``{image stem: {(class, x1, y1, x2, y2)}}`` in px, from the label files written."""
    found: Truth = {}
    for split in dataset.splits.values():
        xywh = split.boxes * np.tile(split.image_sizes[split.image_index], 2)
        for i, path in enumerate(split.images):
            mine = split.image_index == i
            found[path.stem] = {
                (dataset.names[c], *(round(float(v), 3) for v in (x - w / 2, y - h / 2, x + w / 2, y + h / 2)))
                for c, (x, y, w, h) in zip(split.class_ids[mine], xywh[mine], strict=True)
            }
    return found


def test_bccd(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "bccd"
    assert detect(Tree(source)).format.name == "voc"
    assert [name for name, format in FORMATS.items() if format.sniff(Tree(source))] == ["voc"]
    report = convert(source, tmp_path / "out")
    assert (report.images, report.annotations_in, report.annotations_out) == (364, 4888, 4886)
    assert report.dropped == {"zero_area": 2}
    assert report.repaired == {}
    assert report.splits == {"train": 205, "val": 87, "test": 72}
    assert report.classes == ["Platelets", "RBC", "WBC"]
    truth: Truth = {}
    for path in (source / "Annotations").glob("*.xml"):
        rows = set()
        for item in ET.parse(path).getroot().iter("object"):
            corners = [float(item.findtext(f"bndbox/{tag}", "")) for tag in ("xmin", "ymin", "xmax", "ymax")]
            if corners[0] < corners[2] and corners[1] < corners[3]:
                rows.add((item.findtext("name", ""), *corners))
        truth[path.stem] = rows
    dataset = read_dataset(report.data)
    assert boxes(dataset) == truth
    total = Counter(
        dict(zip(dataset.names, np.sum([s.instances for s in dataset.splits.values()], axis=0), strict=True))
    )
    assert total == {"Platelets": 361, "RBC": 4153, "WBC": 372}
    for split in ("train", "val", "test"):
        listed = (source / "ImageSets" / "Main" / f"{split}.txt").read_text().split()
        assert sorted(listed) == [path.stem for path in dataset.split(split).images]


def test_deeppcb(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "deeppcb"
    report = convert(source, tmp_path / "out", format="text", options=DEEPPCB)
    assert (report.images, report.annotations_in, report.annotations_out) == (300, 2003, 2003)
    assert report.dropped == {}
    assert report.splits == {"train": 160, "val": 40, "test": 100}
    assert report.classes == list(DEEPPCB.names or ())
    truth: Truth = {}
    for name in ("trainval", "test"):
        for line in (source / f"{name}.txt").read_text().splitlines():
            image, labels = line.split()
            rows = [row.split() for row in (source / labels).read_text().splitlines()]
            truth[f"{Path(image).stem}_test"] = {(report.classes[int(r[4]) - 1], *map(float, r[:4])) for r in rows}
    dataset = read_dataset(report.data)
    assert boxes(dataset) == truth
    tests = {f"{Path(line.split()[0]).stem}_test" for line in (source / "test.txt").read_text().splitlines()}
    assert {path.stem for path in dataset.split("test").images} == tests
