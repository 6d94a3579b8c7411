from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.scenes import Image, save, scene

from yolo_tl.data import overlap as module
from yolo_tl.data.overlap import Sketch, overlap, sketch


def turned(picture: Image, degrees: float, scale: float = 1, shift: tuple[float, float] = (0, 0)) -> Image:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    matrix[:, 2] += shift
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


COPIES = {
    "shifted": lambda p: turned(p, 0, shift=(45, -20)),
    "turned": lambda p: turned(p, 35),
    "turned far": lambda p: turned(p, 160),
    "quarter": lambda p: np.rot90(p).copy(),
    "half": lambda p: np.rot90(p, 2).copy(),
    "upside down": lambda p: p[::-1].copy(),
    "transposed": lambda p: p.transpose(1, 0, 2).copy(),
    "mirrored and turned": lambda p: turned(p[:, ::-1].copy(), 20),
    "cropped": lambda p: p[60:230, 20:240].copy(),
    "closer": lambda p: turned(p, 5, 1.4),
    "darker": lambda p: cv2.convertScaleAbs(turned(p, 10), alpha=0.5, beta=10),
    "larger": lambda p: cv2.resize(turned(p, 10), None, fx=3.1, fy=3.1),
}


def of(folder: Path, picture: Image) -> Sketch:
    found = sketch(save(folder / "picture.jpg", picture))
    assert found is not None
    return found


@pytest.mark.parametrize("how", COPIES)
def test_copies_overlap_either_way_round(tmp_path: Path, how: str) -> None:
    for seed in range(3):
        a, b = of(tmp_path, scene(seed)), of(tmp_path, COPIES[how](scene(seed)))
        assert overlap(a, b) > 0.8
        assert overlap(b, a) > 0.8


def test_other_scenes_do_not(tmp_path: Path) -> None:
    sketches = [of(tmp_path, scene(seed)) for seed in range(8)]
    assert not any(overlap(a, b) for i, a in enumerate(sketches) for b in sketches[:i])


def test_lying_still_says_nothing(tmp_path: Path) -> None:
    """Parts under one camera have their background in common; `likeness` judges those."""
    a = of(tmp_path, scene(1))
    assert overlap(a, a) == 0
    assert overlap(a, of(tmp_path, scene(1)[:, ::-1].copy())) == 0
    other = scene(1)
    other[100:140, 150:200] = scene(2)[100:140, 150:200]
    assert overlap(a, of(tmp_path, other)) == 0


def test_other_parts_on_a_moved_background_do_not_overlap(tmp_path: Path) -> None:
    stage = scene(3)
    parts = []
    for seed, shift in ((11, (0, 0)), (12, (30, 12))):
        picture = turned(stage, 0, shift=shift)
        picture[60:200, 80:260] = scene(seed)[60:200, 80:260]
        parts.append(of(tmp_path, picture))
    assert overlap(*parts) == 0


def test_a_small_common_part_is_not_enough(tmp_path: Path) -> None:
    wide = scene(4, 640, 240)
    assert overlap(of(tmp_path, wide[:, :320]), of(tmp_path, wide[:, 210:530])) == 0
    assert overlap(of(tmp_path, wide[:, :320]), of(tmp_path, wide[:, 120:440])) > 0.8


def test_a_mark_on_nothing_is_not_enough(tmp_path: Path) -> None:
    marked = []
    for x, y in ((40, 50), (110, 90)):
        picture = np.full((240, 320, 3), 128, np.uint8)
        picture[y : y + 60, x : x + 60] = scene(5)[80:140, 80:140]
        marked.append(of(tmp_path, picture))
    assert overlap(*marked) == 0


def test_descriptors_are_mirrored_as_the_image_is(tmp_path: Path) -> None:
    a, b = of(tmp_path, scene(6)), of(tmp_path, scene(6)[:, ::-1].copy())
    made = module._mirrored(a)
    gaps = np.linalg.norm(made.points[:, None] - b.points, axis=2)
    near = np.flatnonzero(gaps.min(axis=1) < 0.5)
    assert len(near) > 50
    difference = made.descriptors[near].astype(float) - b.descriptors[gaps[near].argmin(axis=1)]
    plain = a.descriptors[near].astype(float) - b.descriptors[gaps[near].argmin(axis=1)]
    assert np.median(np.linalg.norm(difference, axis=1)) < 0.5 * np.median(np.linalg.norm(plain, axis=1))
    np.testing.assert_array_equal(module._mirrored(made).descriptors, a.descriptors)


@pytest.mark.parametrize("shape", [(1, 900), (900, 1), (3, 3), (240, 320)])
def test_pictures_that_show_nothing(tmp_path: Path, shape: tuple[int, int]) -> None:
    flat, full = of(tmp_path, np.full((*shape, 3), 120, np.uint8)), of(tmp_path, scene(1))
    assert overlap(flat, full) == overlap(full, flat) == overlap(flat, flat) == 0


def test_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    assert sketch(tmp_path / "a.jpg") is None
    assert sketch(tmp_path / "none.jpg") is None
