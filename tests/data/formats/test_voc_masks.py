from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.sources import voc as example

from yolo_tl.data.formats import voc as module
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import Dropped, Event, ImageRecord
from yolo_tl.data.tree import Tree
from yolo_tl.errors import ParseError


def events(source: Path, **options: Any) -> list[Event]:
    return list(module.read(Tree(source), ReadOptions(**options)))


def records(source: Path, **options: Any) -> dict[str, ImageRecord]:
    return {e.path.stem: e for e in events(source, **options) if isinstance(e, ImageRecord)}


def test_outlines_come_from_the_masks_for_the_task_segment(tmp_path: Path) -> None:
    example.write(tmp_path)
    assert records(tmp_path)["plain"].annotations[0].parts == ()
    cat, dog = records(tmp_path, task="segment")["plain"].annotations
    assert cat.parts == ((0, 2, 30, 2, 30, 40, 0, 40),)  # the border of 255 belongs to nothing
    assert dog.parts == ((41, 5, 99, 5, 99, 49, 41, 49),)
    assert (cat.repair, dog.repair) == ("", "")
    assert not [e for e in events(tmp_path, task="segment") if isinstance(e, Dropped)]


def test_masks_that_are_not_as_many_as_the_objects(tmp_path: Path) -> None:
    example.write(tmp_path)
    values = np.zeros((50, 100), np.uint8)
    values[5:49, 41:99], values[0:2, 0:2], values[10:12, 10:13] = 2, 1, 7
    example.mask(tmp_path / "SegmentationObject" / "plain.png", values)
    cat, dog = records(tmp_path, task="segment")["plain"].annotations
    assert (cat.parts, cat.repair) == ((), "no_mask")  # index 1 is somewhere else
    assert dog.parts == ((41, 5, 99, 5, 99, 49, 41, 49),)
    lost = [e for e in events(tmp_path, task="segment") if isinstance(e, Dropped)]
    assert [(e.reason, e.source.name, e.place) for e in lost] == [
        ("mask_without_object", "plain.png", "index 1"),
        ("mask_without_object", "plain.png", "index 7"),
    ]


def test_masks_in_the_colours_of_the_palette(tmp_path: Path) -> None:
    example.write(tmp_path)
    values = np.zeros((50, 100, 3), np.uint8)  # blue, green, red
    values[2:40, 0:30], values[5:49, 41:99] = (0, 0, 128), (0, 128, 0)  # 1 and 2, as CVAT writes them
    values[2:40, 30] = (192, 224, 224)  # 255
    path = tmp_path / "SegmentationObject" / "plain.png"
    cv2.imwrite(str(path), values)
    cat, dog = records(tmp_path, task="segment")["plain"].annotations
    assert (cat.parts, dog.parts) == (((0, 2, 30, 2, 30, 40, 0, 40),), ((41, 5, 99, 5, 99, 49, 41, 49),))
    values[0, 0] = (1, 2, 3)
    cv2.imwrite(str(path), values)
    with pytest.raises(ParseError, match=r"plain\.png: expected the colours of the VOC palette"):
        events(tmp_path, task="segment")


def test_a_broken_mask_is_named(tmp_path: Path) -> None:
    example.write(tmp_path)
    (tmp_path / "SegmentationObject" / "plain.png").write_bytes(b"not an image")
    assert len(records(tmp_path)) == 5
    with pytest.raises(ParseError, match=r"SegmentationObject.plain\.png"):
        events(tmp_path, task="segment")
