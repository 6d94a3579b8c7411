from __future__ import annotations

import cv2
import numpy as np
import pytest

from yolo_tl.data.scenes import CLASSES, draw_scene
from yolo_tl.data.scenes.drawing import Studio
from yolo_tl.data.scenes.shots import shot

SIZE = 192


def test_a_picture_depends_on_its_number_alone(scenes):
    alone = draw_scene(31, seed=3, size=SIZE)
    assert np.array_equal(alone.image, scenes[31].image)
    assert alone.annotations == scenes[31].annotations
    assert alone.jpeg() == scenes[31].jpeg()
    assert not np.array_equal(alone.image, draw_scene(31, seed=4, size=SIZE).image)


def test_every_class_occurs_and_good_pictures_have_none(scenes):
    assert {a.name for scene in scenes for a in scene.annotations} == set(CLASSES)
    for scene in scenes:
        assert not (scene.shot.good and scene.annotations)
    bad = [scene for scene in scenes if not scene.shot.good]
    assert sum(bool(scene.annotations) for scene in bad) >= 0.95 * len(bad)


def test_boxes_are_the_extents_of_polygons_in_the_picture(scenes):
    for scene in scenes:
        width, height = scene.size
        for annotation in scene.annotations:
            (ring,) = annotation.parts
            assert annotation.box == (min(ring[::2]), min(ring[1::2]), max(ring[::2]), max(ring[1::2]))
            assert annotation.box[0] >= 0
            assert annotation.box[1] >= 0
            assert annotation.box[2] <= width
            assert annotation.box[3] <= height


def test_boxes_are_small_and_large(scenes):
    sides = [max(a.box[2] - a.box[0], a.box[3] - a.box[1]) for scene in scenes for a in scene.annotations]
    assert min(sides) >= 8
    assert min(sides) < 0.1 * SIZE
    assert max(sides) <= SIZE / 3
    assert max(sides) > 0.2 * SIZE


def test_a_repeat_is_nearly_the_same_picture():
    studio = Studio(0, SIZE)
    index = next(i for i in range(120) if shot(0, i).scene != i)
    again, first, other = (studio.draw(i) for i in (index, index - 15, index + 15))
    assert again.annotations == first.annotations
    blurred = [cv2.blur(s.image, (9, 9))[:140].astype(float) for s in (again, first, other)]
    alike = np.corrcoef(blurred[0].ravel(), blurred[1].ravel())[0, 1]
    assert alike > 0.97 > np.corrcoef(blurred[0].ravel(), blurred[2].ravel())[0, 1]
    assert not np.array_equal(again.image, first.image)


def test_cameras_differ_in_frame_colour_noise_and_sharpness(scenes):
    first, second = ([s for s in scenes if s.shot.camera == camera] for camera in (1, 2))
    assert {s.size for s in first} == {(SIZE, SIZE)}
    assert {s.size for s in second} == {(SIZE, SIZE * 3 // 4)}

    def noise(scene):
        grey = cv2.cvtColor(scene.image, cv2.COLOR_BGR2GRAY).astype(np.float32)
        return float(np.median(np.abs(cv2.Laplacian(grey, cv2.CV_32F))))

    def warmth(scene):
        means = scene.image.reshape(-1, 3).mean(axis=0)
        return means[2] / means[0]

    assert np.median([noise(s) for s in second]) > 1.15 * np.median([noise(s) for s in first])
    by_product = [
        (
            np.median([warmth(s) for s in first if s.shot.product == product]),
            np.median([warmth(s) for s in second if s.shot.product == product]),
        )
        for product in ("cap", "board", "label")
    ]
    assert sum(b > a for a, b in by_product) >= 2


@pytest.mark.parametrize("size", [128, 640])
def test_other_sizes(size):
    scene = draw_scene(3, seed=1, size=size)
    assert max(scene.size) == size
    assert scene.image.std() > 10
