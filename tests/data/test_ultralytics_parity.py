"""The peer reads what we write and, where it accepts a file, sees what we see."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yolo_tl.data import convert, read_dataset
from yolo_tl.data.yolo.label_rows import label_path
from yolo_tl.errors import DataError

Make = Callable[..., Any]


@pytest.fixture
def peer(ultralytics: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    from ultralytics.data import utils

    monkeypatch.setattr(utils, "check_font", lambda *args, **kwargs: None)
    return utils


def verify(peer: Any, image: Path, names: tuple[str, ...]) -> Any:
    (label,) = peer.img2label_paths([str(image)])
    return peer.verify_image_label((str(image), label, "", False, len(names), 0, 2, False))


def test_it_reads_the_folder_from_anywhere(
    peer: Any, voc: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = voc({f"im{i}": [("cat", (1 + i, 2, 90, 40)), ("dog", (0, 0, 100, 50))] for i in range(5)} | {"no": []})
    report = convert(source, tmp_path / "out", link="symlink")
    monkeypatch.chdir("/")
    data = peer.check_det_dataset(str(report.data))
    assert Path(data["path"]) == report.data.parent
    assert data["names"] == {0: "cat", 1: "dog"}
    dataset = read_dataset(report.data)
    for split in dataset.splits.values():
        assert Path(data[split.name]) == report.data.parent / "images" / split.name
        assert [str(label) for label in split.labels] == peer.img2label_paths([str(p) for p in split.images])
        for i, image in enumerate(split.images):
            _, labels, (height, width), *_, corrupt, message = verify(peer, image, dataset.names)
            assert (corrupt, message) == (0, "")
            assert [width, height] == split.image_sizes[i].tolist()
            mine = np.column_stack([split.class_ids, split.boxes])[split.image_index == i]
            np.testing.assert_allclose(labels, mine, atol=1e-6)


ROWS = [
    "0 0.5 0.5 0.1 0.1",
    "0 1.009 0.5 0.1 0.1",
    "0 1.011 0.5 0.1 0.1",
    "0 0.5 -0.009 0.1 0.1",
    "0 0.5 -0.011 0.1 0.1",
    "0 0.5 0.5 -0.001 0.1",
    "0 0.5 0.5 0 0",
    "1 0.5 0.5 0.1 0.1",
    "2 0.5 0.5 0.1 0.1",
    "0.5 0.5 0.5 0.1 0.1",
    "0 0.5 0.5 0.1 0.1 0.9",
    "0 0.1 0.1 0.2 0.1 0.2 0.3",
    "0 0.1 0.1 0.2 0.1 0.2 0.3 0.4",
    "0 0.1 0.1 0.2 0.1 0.2 0.3\n0 0.5 0.5 0.1 0.1",
    "cat 0.5 0.5 0.1 0.1",
    "0,0.5,0.5,0.1,0.1",
    "0 0.5 0.5 nan 0.1",
    "\ufeff0 0.5 0.5 0.1 0.1",
    "",
]


@pytest.mark.parametrize("rows", ROWS)
def test_we_refuse_what_it_leaves_out(rows: str, peer: Any, picture: Make, tmp_path: Path) -> None:
    image = picture(tmp_path / "images" / "a.jpg")
    label_path(image).parent.mkdir()
    label_path(image).write_text(rows, "utf-8")
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [a, b]\n")
    _, labels, *_, corrupt, _ = verify(peer, image, ("a", "b"))
    if corrupt:
        with pytest.raises(DataError, match=r"a\.txt"):
            read_dataset(tmp_path)
    else:
        split = read_dataset(tmp_path).split("train")
        np.testing.assert_allclose(np.column_stack([split.class_ids, split.boxes]), labels.reshape(-1, 5), atol=1e-6)


def test_coco_boxes_are_those_of_its_converter(ultralytics: Any, picture: Make, tmp_path: Path) -> None:
    from ultralytics.data.converter import convert_coco

    rng = np.random.default_rng(0)
    picture(tmp_path / "source" / "a.jpg", 640, 480)
    corner = rng.integers(0, 300, (40, 2))
    boxes = np.column_stack([corner, rng.uniform(1, 150, (40, 2)).round(2)]).tolist()
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}],
        "categories": [{"id": i + 1, "name": f"c{i}"} for i in range(3)],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": i % 3 + 1, "bbox": box, "iscrowd": 0} for i, box in enumerate(boxes)
        ],
    }
    (tmp_path / "source" / "train.json").write_text(json.dumps(content))
    convert_coco(str(tmp_path / "source"), save_dir=str(tmp_path / "theirs"), cls91to80=False)
    convert(tmp_path / "source", tmp_path / "ours")
    theirs = np.loadtxt(next((tmp_path / "theirs").rglob("a.txt")))
    ours = np.loadtxt(tmp_path / "ours" / "labels" / "train" / "a.txt")
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
