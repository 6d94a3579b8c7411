from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.edge import Classification, draw

IMAGE = np.full((120, 160, 3), 40, np.uint8)
FOUND = Detections.from_rows([[30, 40, 90, 100, 0.9, 1], [0, 0, 160, 120, 0.5, 0], [10, 2, 20, 9, 0.4, 1]])


def test_boxes_are_drawn_on_a_copy() -> None:
    before = IMAGE.copy()
    picture = draw(IMAGE, FOUND, ["cell", "crack"])
    np.testing.assert_array_equal(IMAGE, before)
    assert picture.shape == IMAGE.shape
    assert (picture[70, 30] != 40).any()  # on the left side of the first box
    assert (picture[70, 60] == 40).all()  # inside it


def test_no_detection_no_change() -> None:
    np.testing.assert_array_equal(draw(IMAGE, Detections.empty(), []), IMAGE)


@pytest.mark.parametrize(("name", "label"), [("crack", "crack 0.90"), ("ひび割れ", "1 0.90"), ("Lötstelle", "1 0.90")])
def test_a_name_the_font_lacks_becomes_the_class_number(monkeypatch: pytest.MonkeyPatch, name: str, label: str) -> None:
    written = []
    original = cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda image, text, *rest: (written.append(text), original(image, text, *rest)))
    draw(IMAGE, FOUND[:1], ["cell", name])
    assert written == [label]


def test_grey_and_tiny_pictures_can_be_drawn_on() -> None:
    assert draw(IMAGE[..., 0], FOUND, ["a", "b"]).shape == (120, 160, 3)
    assert draw(IMAGE[:3, :2], FOUND, ["a", "b"]).shape == (3, 2, 3)


def test_masks_are_laid_under_their_boxes() -> None:
    masks = np.zeros((3, 120, 160), bool)
    masks[0, 60:70, 50:60] = True
    picture = draw(IMAGE, replace(FOUND, masks=masks), ["cell", "crack"])
    assert (picture[65, 55] != 40).any()
    assert (picture[55, 55] == 40).all()  # in the box, not in the mask


def test_turned_boxes_are_drawn_turned() -> None:
    found = replace(FOUND[:1], angle=np.array([np.pi / 4], np.float32))
    picture = draw(IMAGE, found, ["cell", "crack"])
    right = 60 + round(30 * 2**0.5)
    assert (picture[70, right] != 40).any()  # its corner
    assert (picture[95, 90] == 40).all()  # on the side of the box before it is turned


def test_keypoints_that_are_seen_are_drawn() -> None:
    points = np.array([[[60, 70, 0.9], [75, 85, 0.1]]], np.float32)
    picture = draw(IMAGE, replace(FOUND[:1], keypoints=points), ["cell", "crack"])
    assert (picture[70, 60] != 40).any()
    assert (picture[85, 75] == 40).all()
    flat = draw(IMAGE, replace(FOUND[:1], keypoints=points[..., :2]), ["cell", "crack"])
    assert (flat[85, 75] != 40).any()  # without visibility all of them


def test_of_a_classification_the_best_classes_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    original = cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda image, text, *rest: (written.append(text), original(image, text, *rest)))
    before = IMAGE.copy()
    picture = draw(IMAGE, Classification(np.array([0.2, 0.7, 0.1], np.float32)), ["cell", "crack", "ひ"])
    assert written == ["crack 0.70", "cell 0.20", "2 0.10"]
    assert (picture != IMAGE).any()
    np.testing.assert_array_equal(IMAGE, before)
