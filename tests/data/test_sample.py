from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from yolo_tl.boxes import iou_matrix, xywh_to_xyxy
from yolo_tl.data import convert, make_sample, read_dataset
from yolo_tl.errors import ConfigError, UsageError


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_sample(tmp_path / name, images=6, size=(64, 48), seed=seed)
    a, b, c = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in sorted((tmp_path / n).rglob("*.*"))} for n in "abc"
    )
    assert a == b
    assert a.keys() == c.keys()
    assert a != c


def test_it_converts_with_its_splits_and_classes(tmp_path: Path) -> None:
    report = convert(make_sample(tmp_path / "voc"), tmp_path / "yolo", strict=True)
    assert report.classes == ["disc", "square", "triangle"]
    assert report.splits == {"train": 42, "val": 12, "test": 6}
    assert report.annotations_out == report.annotations_in > 60
    train = read_dataset(report.data).split("train")
    assert min(train.instances) >= 10
    assert train.backgrounds == 4
    assert train.image_sizes.tolist() == [[160, 160]] * 42


def test_boxes_fit_their_objects(tmp_path: Path) -> None:
    make_sample(tmp_path / "yolo", images=12, size=(128, 96), seed=4, format="yolo")
    for split in read_dataset(tmp_path / "yolo").splits.values():
        for i, path in enumerate(split.images):
            hsv = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2HSV)
            vivid = cv2.morphologyEx(
                np.uint8((hsv[..., 1] > 140) & (hsv[..., 2] > 140)), cv2.MORPH_OPEN, np.ones((3, 3))
            )
            assert not np.triu(iou_matrix(*[xywh_to_xyxy(split.boxes[split.image_index == i])] * 2), 1).any()
            inside = np.zeros(vivid.shape, bool)
            for cx, cy, w, h in split.boxes[split.image_index == i]:
                x1, y1 = round((cx - w / 2) * 128), round((cy - h / 2) * 96)
                x2, y2 = round((cx + w / 2) * 128), round((cy + h / 2) * 96)
                inside[y1:y2, x1:x2] = True
                assert vivid[y1:y2, x1:x2].mean() > 0.3, "a box holds an object"
                assert vivid[y1 : y1 + 4, x1:x2].any(), "the object reaches the upper edge"
                assert vivid[y2 - 4 : y2, x1:x2].any(), "the object reaches the lower edge"
            assert not vivid[~inside].any(), "there is no object outside the boxes"


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected 3 or more images"):
        make_sample(tmp_path / "a", images=2)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine").touch()
    with pytest.raises(UsageError, match="already holds files"):
        make_sample(tmp_path / "b")
