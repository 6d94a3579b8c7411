from __future__ import annotations

import cv2
import numpy as np

from yolo_tl.data.pictures.drawing import colour
from yolo_tl.data.pictures.panels import Panel, encoded, panels
from yolo_tl.data.records import Annotation

GREY = np.full((60, 120, 3), 128, np.uint8)
BOX = Annotation("cat", (0.25, 0.25, 0.75, 0.75), "")


def test_each_panel_has_its_own_objects_beside_the_others() -> None:
    shown = panels(GREY, [Panel("truth", [BOX]), Panel("A", [], [BOX]), Panel("B", [])], ["cat"], size=(240, 240))
    assert shown.shape == (120 + 40, 3 * (240 + 16), 3)
    panes = np.split(shown, 3, axis=1)
    drawn = [(np.abs(pane.astype(int) - colour(0)[::-1]).max(2) < 60).sum() for pane in panes]
    assert drawn[0] > drawn[1] > 100, "a name is written beside an object and not beside the others"
    assert drawn[2] == 0


def test_the_jpeg_decodes_to_the_picture() -> None:
    shown = panels(GREY, [Panel("a title that is much too long for the little room there is", [])], [], size=(90, 90))
    assert shown.shape == (45 + 40, 90 + 16, 3)
    decoded = cv2.imdecode(np.frombuffer(encoded(shown), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - shown).mean() < 3
