from __future__ import annotations

import numpy as np
import pytest

from yolo_tl.data.scenes.defects import CLASSES, Damage
from yolo_tl.data.scenes.outline import HALF
from yolo_tl.data.scenes.stage import Gap, Stage
from yolo_tl.data.scenes.textures import Textures

WIDTH, HEIGHT = 256, 192


@pytest.fixture(scope="module")
def textures() -> Textures:
    return Textures(0, WIDTH)


def stage_of(surface=None) -> Stage:
    image = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    surface = np.full((HEIGHT, WIDTH), 255, np.uint8) if surface is None else surface
    square = np.array([[0.0, 0], [20, 0], [20, 12], [0, 12]])
    gaps = [
        Gap(
            square + np.array([20 + 50 * i, 80.5]),
            lambda box: np.zeros((box[3] - box[1], box[2] - box[0], 3), np.uint8),
        )
        for i in range(4)
    ]
    return Stage(image, surface, 250.0, ((250, 250, 250), (0, 0, 0)), ((0.3, 0.4, 0.5),), gaps)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("seed", range(6))
def test_a_defect_changes_its_pixels_and_no_others(textures, kind, seed):
    stage = stage_of()
    before = stage.image.copy()
    damage = Damage(stage, textures, np.random.default_rng(seed))
    assert damage.add(kind)
    (defect,) = damage.defects
    changed = (stage.image != before).any(axis=2)
    coverage = np.zeros((HEIGHT, WIDTH), np.uint8)
    x1, y1, x2, y2 = defect.patch.box
    coverage[y1:y2, x1:x2] = defect.patch.alpha
    assert not changed[coverage == 0].any(), "nothing changed where nothing is covered"
    assert changed[coverage >= HALF].mean() > 0.6, "what is covered was changed"
    difference = np.abs(stage.image.astype(int) - before)[coverage >= HALF].mean()
    assert difference > 6, "it can be seen"


@pytest.mark.parametrize("kind", CLASSES)
def test_defects_stay_on_what_is_inspected_and_apart(textures, kind):
    surface = np.zeros((HEIGHT, WIDTH), np.uint8)
    surface[40:150, 10:200] = 255
    damage = Damage(stage_of(surface), textures, np.random.default_rng(1))
    added = sum(damage.add(kind) for _ in range(8))
    assert added == len(damage.defects) >= 2
    extents = [defect.patch.extent for defect in damage.defects]
    for i, (x1, y1, x2, y2) in enumerate(extents):
        assert x1 >= 10
        assert y1 >= 40
        assert x2 <= 200
        assert y2 <= 150
        assert max(x2 - x1, y2 - y1) >= 8
        assert max(x2 - x1, y2 - y1) <= WIDTH / 3
        for a, b, c, d in extents[:i]:
            assert x2 + 6 < a or c + 6 < x1 or y2 + 6 < b or d + 6 < y1


def test_where_there_is_no_room_nothing_is_added(textures):
    damage = Damage(stage_of(np.zeros((HEIGHT, WIDTH), np.uint8)), textures, np.random.default_rng(0))
    assert not any(damage.add(kind) for kind in CLASSES)
    assert damage.defects == []
    assert (damage.stage.image == 120).all()


def test_what_nobody_can_see_is_no_defect(textures):
    stage = stage_of()
    stage.gaps = [
        Gap(gap.outline, lambda box: np.full((box[3] - box[1], box[2] - box[0], 3), 122, np.uint8))
        for gap in stage.gaps
    ]
    assert not Damage(stage, textures, np.random.default_rng(0)).add("missing")
    assert (stage.image == 120).all()
