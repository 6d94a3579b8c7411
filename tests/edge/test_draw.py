from __future__ import annotations

import cv2
import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.edge import draw

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
