"""Pictures of flipped images, of every task."""

from __future__ import annotations

import numpy as np
import pytest
from support.scripted import grey_images

from yolo_tl.boxes import Detections
from yolo_tl.exporting.gate import Sample
from yolo_tl.exporting.gate.flips import Flip
from yolo_tl.exporting.gate.gallery import flip_picture, outlined

RED, BLUE = (38, 38, 220), (235, 99, 37)  # BGR of the second and the first class


def found(boxes, classes, **more) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.full(count, 0.5, np.float32), np.array(classes, np.int64), **more
    )


def has(picture, colour) -> bool:
    return bool((np.abs(picture.astype(int) - colour).sum(2) < 20).any())


@pytest.fixture
def image(tmp_path):
    return grey_images(tmp_path / "images", 1)[0]


def test_each_side_shows_what_it_says(image):
    both, alone = [4, 4, 24, 24], [34, 34, 60, 60]
    flip = Flip(image, {"b": 0}, {"b": 1}, found([both], [0]), found([both, alone], [0, 1]))
    picture = flip_picture(flip, Sample(image), ("a", "b"), called=("A", "B"))
    left, right = np.split(picture, 2, axis=1)
    assert has(left, BLUE)
    assert not has(left, RED)
    assert has(right, BLUE)
    assert has(right, RED)


def test_what_is_true_comes_first(image):
    sample = Sample(image, ("b",), np.array([[0.1, 0.1, 0.6, 0.6]]))
    flip = Flip(image, {"b": 0}, {"b": 1}, found([], []), found([[6, 6, 38, 38]], [1]))
    truth, a, b = np.split(flip_picture(flip, sample, ("a", "b"), called=("A", "B")), 3, axis=1)
    assert [has(part, RED) for part in (truth, a, b)] == [True, False, True]


@pytest.mark.parametrize(
    "more",
    [
        {"angle": np.float32([0.4])},
        {"keypoints": np.float32([[[10, 10, 0.9], [20, 20, 0.1]]])},
        {"keypoints": np.float32([[[10, 10], [20, 20]]])},
        {"polygons": [np.float32([[6, 6], [38, 6], [20, 38]])]},
        {"polygons": [np.zeros((0, 2), np.float32)]},
    ],
)
def test_every_task_is_drawn(image, more):
    flip = Flip(image, {"b": 0}, {"b": 1}, found([], []), found([[6, 6, 38, 38]], [1], **more))
    left, right = np.split(flip_picture(flip, Sample(image), ("a", "b"), called=("A", "B")), 2, axis=1)
    assert has(right, RED)
    assert not has(left, RED)


def test_a_class_is_written_above_the_image(image):
    picture = flip_picture(Flip(image, {"a": 1}, {"b": 1}), Sample(image, ("a",)), ("a", "b"), called=("A", "B"))
    truth, left, right = np.split(picture, 3, axis=1)
    assert not np.array_equal(left, right)
    assert not np.array_equal(truth, left)


def test_a_mask_is_kept_as_its_outline():
    mask = np.zeros((2, 20, 20), bool)
    mask[0, 5:10, 5:15] = True
    mask[0, 18, 18] = True
    kept = outlined(found([[5, 5, 15, 10], [0, 0, 2, 2]], [0, 0], masks=mask))
    assert kept.masks is None
    assert kept.polygons[0].tolist() == [[5, 5], [15, 5], [15, 10], [5, 10]]
    assert kept.polygons[1].shape == (0, 2)
