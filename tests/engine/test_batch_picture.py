from __future__ import annotations

import numpy as np
import pytest

from yolo_tl.data.pictures.drawing import colour
from yolo_tl.engine.batch_picture import draw_batch
from yolo_tl.errors import WriteError


def batch_of(images, boxes=(), classes=(), owners=()):
    from yolo_tl.engine.hermetic import ultralytics

    ultralytics()
    import torch

    return {
        "img": torch.from_numpy(np.asarray(images)),
        "bboxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "cls": torch.tensor(classes, dtype=torch.float32).reshape(-1, 1),
        "batch_idx": torch.tensor(owners, dtype=torch.float32),
    }


def read(path):
    import cv2

    return cv2.imread(str(path))[..., ::-1].astype(int)  # RGB


def near(picture, wanted, tolerance=60):
    return np.abs(picture - np.array(wanted)).max(-1) < tolerance


def test_images_come_in_a_grid_with_their_colours(tmp_path):
    images = np.zeros((3, 3, 64, 64), np.uint8)
    images[0, 0] = images[1, 1] = images[2, 2] = 255
    draw_batch(batch_of(images), ["a"], tmp_path / "batch.jpg")
    page = read(tmp_path / "batch.jpg")
    assert page.shape == (664, 664, 3)
    places = [(168, 168), (168, 496), (496, 168), (496, 496)]
    wanted = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
    for (y, x), rgb in zip(places, wanted, strict=True):
        assert near(page[y, x], rgb)


def test_boxes_are_drawn_on_their_own_image_in_the_colour_of_their_class(tmp_path):
    images = np.full((2, 3, 64, 64), 128, np.uint8)
    boxes = [[0.5, 0.5, 0.5, 0.25], [0.25, 0.75, 0.25, 0.25]]
    draw_batch(batch_of(images, boxes, [0, 1], [0, 1]), ["nut", "bolt"], tmp_path / "batch.jpg")
    page = read(tmp_path / "batch.jpg")
    first, second = page[8:328, 8:328], page[8:328, 336:656]
    for cell, number, (x1, y1, x2, y2) in (
        (first, 0, (80, 120, 240, 200)),
        (second, 1, (40, 200, 120, 280)),
    ):
        drawn = near(cell, colour(number))
        assert not near(cell, colour(1 - number)).any()
        assert drawn[y2 - 1 : y2 + 2, x1 + 4 : x2 - 4].any(0).mean() > 0.9  # the lower side
        assert drawn[y1 + 4 : y2 - 4, x2 - 1 : x2 + 2].any(1).mean() > 0.9  # the right side
    legend = page[336:]
    assert near(legend, colour(0)).sum() > 150
    assert near(legend, colour(1)).sum() > 150


def test_floats_and_bytes_look_the_same_and_grey_is_grey(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 48), np.uint8)
    draw_batch(batch_of(images), ["a"], tmp_path / "bytes.jpg")
    draw_batch(batch_of(images.astype(np.float32) / 255), ["a"], tmp_path / "floats.jpg")
    assert (tmp_path / "bytes.jpg").read_bytes() == (tmp_path / "floats.jpg").read_bytes()
    draw_batch(batch_of(images[:, :1]), ["a"], tmp_path / "grey.jpg")
    page = read(tmp_path / "grey.jpg")
    assert np.ptp(page, axis=-1).max() < 12


def test_only_as_many_as_asked_for_are_shown(tmp_path):
    images = np.zeros((5, 3, 32, 32), np.uint8)
    boxes = [[0.5, 0.5, 0.5, 0.5]] * 2
    draw_batch(batch_of(images, boxes, [0, 1], [0, 4]), ["nut", "bolt"], tmp_path / "batch.jpg", limit=4)
    page = read(tmp_path / "batch.jpg")
    assert page.shape[1] == 664
    assert near(page, colour(0)).any()
    assert not near(page, colour(1)).any()


def test_many_classes_take_more_lines(tmp_path):
    names = [f"class number {i}" for i in range(20)]
    images = np.zeros((1, 3, 32, 32), np.uint8)
    draw_batch(batch_of(images, [[0.5] * 4] * 20, range(20), [0] * 20), names, tmp_path / "many.jpg")
    page = read(tmp_path / "many.jpg")
    assert page.shape[0] > 336 + 100
    last = page[336:]
    assert near(last, colour(19), 40).sum() > 100


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError):
        draw_batch(batch_of(np.zeros((1, 3, 8, 8), np.uint8)), ["a"], tmp_path / "file" / "batch.jpg")
