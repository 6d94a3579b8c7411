"""Labels of images that belong together."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolo_tl.errors import ConfigError
from yolo_tl.evaluation.clusters import cluster_labels, count_units


def picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC))
    return path


def test_names_and_looks_are_joined(tmp_path: Path) -> None:
    copies = [picture(tmp_path / f"part_jpg.rf.{letter * 8}.jpg", i) for i, letter in enumerate("ab")]
    alone = picture(tmp_path / "alone.png", 7)
    like = tmp_path / "again.png"
    shutil.copyfile(copies[1], like)
    images = [*copies, alone, like]
    assert cluster_labels(images) == ["group 0", "group 0", None, "group 0"]
    assert cluster_labels(images, near_duplicates=False) == ["group 0", "group 0", None, None]
    assert cluster_labels(images, group_by=()) == [None, "group 1", None, "group 1"]
    assert count_units(cluster_labels(images)) == 2


def test_folders_count_from_the_one_that_holds_all(tmp_path: Path) -> None:
    images = [picture(tmp_path / "images" / "val" / lot / f"{i}.png", i) for i, lot in enumerate(("one", "one", "two"))]
    assert cluster_labels(images, group_by=["folder"], near_duplicates=False) == ["group 0", "group 0", None]
    with pytest.raises(ConfigError, match="no image lies in a folder"):
        cluster_labels(images[:2], group_by=["folder"], near_duplicates=False)


def test_files_that_are_not_there_are_alike_to_none(tmp_path: Path) -> None:
    assert cluster_labels([tmp_path / "a.png", tmp_path / "b.png"]) == [None, None]
    assert cluster_labels([]) == []
