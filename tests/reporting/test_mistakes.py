"""The worst mistakes as pictures: the right ones, with truth beside prediction, and no more than a page can bear."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.html import read

from yolo_tl.boxes import Detections
from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation.mistakes import mistakes
from yolo_tl.reporting.album import Album
from yolo_tl.reporting.crops import HEIGHT, SAID, TRUTH, WIDTH, Mark, crops, sides
from yolo_tl.reporting.mistakes import mistake_table, worst_false_alarms, worst_misses

NAMES = ("scratch", "dent")


def pictures(markup: str) -> list[tuple[str, np.ndarray]]:
    """What each picture says, and its pixels."""
    found = []
    for tag, attributes in read(f"<main>{markup}</main>").tags:
        if tag == "img":
            content = base64.b64decode((attributes["src"] or "").partition(",")[2])
            pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            found.append((attributes["alt"] or "", pixels[..., ::-1].astype(int)))
    return found


def result(path: Path, truth: list, said: list) -> ImageResult:
    """Rows (x, y, side, class), and with confidence behind; px of the original, told in another frame."""
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.full((200, 300, 3), 128, np.uint8))
    ratio, pad = 2.0, (10.0, 20.0)

    def boxes(rows: list) -> np.ndarray:
        corners = np.array([(x, y, x + side, y + side) for x, y, side, *_ in rows]).reshape(-1, 4)
        return (corners * ratio + np.tile(pad, 2)).astype(np.float32)

    said = np.array(said, np.float32).reshape(-1, 5)
    detections = Detections(boxes(list(said)), said[:, 4], said[:, 3].astype(np.int64))
    kinds = np.array([row[3] for row in truth], np.int64)
    return ImageResult(str(path), detections, boxes(truth), kinds, ratio=ratio, pad=pad)


@pytest.fixture
def results(tmp_path) -> list[ImageResult]:
    return [
        result(tmp_path / "a.png", [(50, 50, 40, 0), (200, 100, 60, 0)], [(50, 50, 40, 1, 0.9)]),
        result(tmp_path / "b.png", [(20, 20, 10, 1)], [(150, 100, 40, 0, 0.8), (20, 20, 10, 1, 0.7)]),
        result(tmp_path / "c.png", [], [(10, 100, 30, 1, 0.95), (200, 10, 30, 1, 0.1)]),
    ]


def test_misses_are_those_taken_for_another_class_and_the_largest(results):
    shown = pictures(worst_misses(mistakes(results, NAMES, confidence=0.5), results, NAMES, Album()))
    assert [told for told, _ in shown] == [
        "scratch taken for dent 0.90; 40 × 40 px; a.png",
        "scratch missed; 60 × 60 px; a.png",
    ]


def test_false_alarms_are_the_most_confident(results):
    shown = pictures(worst_false_alarms(mistakes(results, NAMES, confidence=0.5), results, NAMES, Album()))
    assert [told for told, _ in shown] == [
        "false alarm: dent 0.95; background, 30 × 30 px; c.png",
        "false alarm: scratch 0.80; background, 40 × 40 px; b.png",
    ]


def near(pixels: np.ndarray, colour: tuple[int, int, int]) -> int:
    """How many pixels have about this colour."""
    return int((np.abs(pixels - np.array(colour)).sum(-1) < 90).sum())


def test_truth_is_left_and_blue_and_what_was_said_is_right_and_orange(results):
    markup = worst_misses(mistakes(results, NAMES, confidence=0.5), results, NAMES, Album())
    (_, taken), (_, missed) = pictures(markup)
    left, right = taken[:, :WIDTH], taken[:, WIDTH + 4 :]
    assert near(left, TRUTH) > 300
    assert near(left, SAID) == 0
    assert near(right, SAID) > 300
    assert near(right, TRUTH) == 0
    assert near(missed[:, :WIDTH], TRUTH) > 300
    assert near(missed[:, WIDTH + 4 :], SAID) < 300  # nothing was said of this one


def test_boxes_are_where_they_are_in_the_original_image(results):
    markup = worst_false_alarms(mistakes(results, NAMES, confidence=0.5), results, NAMES, Album())
    _, pixels = pictures(markup)[1]  # (150, 100) to (190, 140) of b.png; the crop is centred on it
    said = pixels[:, WIDTH + 4 :]
    rows, columns = np.nonzero(np.abs(said - np.array(SAID)).sum(-1) < 90)
    scale = HEIGHT / 128  # 3.2 boxes high
    assert columns.mean() == pytest.approx(WIDTH / 2, abs=14)
    assert np.ptp(columns) == pytest.approx(40 * scale, abs=30)  # with its tag
    assert rows.max() == pytest.approx(HEIGHT / 2 + 20 * scale, abs=4)


def test_no_more_than_the_page_can_bear(predictions):
    found = mistakes(predictions.results, predictions.names)
    album = Album(pictures=3)
    shown = worst_false_alarms(found, predictions.results, predictions.names, album)
    assert len(pictures(shown)) == 3
    assert album.full
    assert worst_misses(found, predictions.results, predictions.names, album) == ""
    small = Album(most_bytes=1)
    assert len(pictures(worst_false_alarms(found, predictions.results, predictions.names, small))) == 1
    many = pictures(worst_false_alarms(found, predictions.results, predictions.names, Album()))
    assert len(many) == 12
    files = [told.rpartition("; ")[2] for told, _ in many]
    assert max(files.count(name) for name in files) <= 2


def test_images_that_are_gone_are_told(results):
    gone = [replace(one, image="/gone/" + Path(one.image).name) for one in results]
    album = Album()
    assert worst_false_alarms(mistakes(gone, NAMES, confidence=0.5), gone, NAMES, album) == ""
    assert album.note() == "2 images could not be read, such as /gone/b.png. Were they moved?"
    assert Album().note() == ""


def test_kinds_are_counted_and_costed(results):
    found = mistakes(results, NAMES, confidence=0.5)
    text = read(mistake_table(found.to_json())).text
    for kind in found.kinds:
        assert re.search(rf"{kind.name} .*? {kind.count} {kind.dap50:.3f}", text)
    assert found["missed"].count == 1


@pytest.mark.parametrize("size", [(40, 30), (3000, 200), (200, 3000), (1, 1)])
@pytest.mark.parametrize("box", [(0, 0, 1, 1), (-50, -50, 20, 20), (0, 0, 4000, 4000), (10, 10, 10, 10)])
def test_any_image_and_box_can_be_shown(tmp_path, size, box):
    path = tmp_path / "image.png"
    cv2.imwrite(str(path), np.zeros((size[1], size[0], 3), np.uint8))
    content = crops(path, [[Mark(box, TRUTH, "Größe", strong=True)], []], box)
    assert content is not None
    assert cv2.imdecode(np.frombuffer(content, np.uint8), 1).shape == (*sides(2)[::-1], 3)
    assert crops(path, [[]], (float("nan"),) * 4) is not None
    assert crops(tmp_path / "missing.png", [[]], box) is None


def test_around_a_mistake_is_all_that_is_true_and_all_that_counts(results, monkeypatch):
    asked = []
    monkeypatch.setattr("yolo_tl.reporting.album.crops", lambda path, parts, around: asked.append((parts, around)))
    worst_false_alarms(mistakes(results, NAMES, confidence=0.5), results, NAMES, Album())
    ((_, c_said), c_around), ((b_true, b_said), _) = asked
    assert c_around == pytest.approx((10, 100, 40, 130))
    assert [mark.text for mark in c_said] == ["", "dent 0.95"]  # what has confidence 0.1 does not count
    assert [mark.xyxy for mark in b_true] == [pytest.approx((20, 20, 30, 30))]
    thin = [mark.xyxy for mark in b_said if not mark.strong]
    assert thin == [pytest.approx((150, 100, 190, 140)), pytest.approx((20, 20, 30, 30))]
    assert [mark.xyxy for mark in b_said if mark.strong] == [pytest.approx((150, 100, 190, 140))]
