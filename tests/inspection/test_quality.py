"""How dark, bright and sharp pictures are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from yolo_tl.inspection.quality import doubts, measure
from yolo_tl.inspection.rules import QualityLimits, Region


def grey(level: int, height: int = 60, width: int = 80) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def test_shares_of_black_and_white_are_counted_at_the_levels_of_video() -> None:
    image = np.concatenate([grey(16), grey(17), grey(234), grey(235)])
    quality = measure(image)
    assert (quality.dark, quality.bright) == (0.25, 0.25)
    assert measure(grey(128)).sharpness == 0


def test_of_a_large_picture_the_shares_are_the_same_as_of_a_small_one() -> None:
    small = np.random.default_rng(0).choice([0, 128, 255], (20, 30)).astype(np.uint8)
    large = np.repeat(np.repeat(small, 52, axis=0), 52, axis=1)
    assert measure(large[:, :, None].repeat(3, 2)).dark == (small == 0).mean()
    assert measure(large).bright == (small == 255).mean()


@pytest.mark.parametrize("side", [300, 1600])
def test_blur_takes_sharpness_away(side: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    blurred = cv2.GaussianBlur(image, (0, 0), 5)
    assert measure(blurred).sharpness < measure(image).sharpness / 10


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    image = np.random.default_rng(2).integers(0, 256, (40, 50), dtype=np.uint8)
    padded = np.pad(image.astype(float), 1, mode="reflect")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * padded[1:-1, 1:-1]
    assert measure(image[..., None]).sharpness == pytest.approx(laplacian.var())


def test_only_the_rectangle_around_a_region_is_measured() -> None:
    image = grey(128, 100, 200)
    image[40:60, 100:140] = 255
    share = Region("part", ((0.5, 0.4), (0.7, 0.4), (0.7, 0.6)), unit="share")
    assert measure(image, share).bright == 1
    assert measure(image, Region("part", ((100.5, 0), (139.5, 0), (120, 99.2)))).bright == pytest.approx(0.2)
    outside = Region("part", ((500.0, 0.0), (600.0, 0.0), (600.0, 50.0)))
    assert measure(image, outside) == measure(image)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (5000, 1, 3), (3, 700), (1, 1, 1), (2, 2, 3)])
def test_pictures_of_any_shape_are_measured(shape: tuple[int, ...]) -> None:
    assert measure(np.full(shape, 255, np.uint8)).bright == 1


def test_what_is_over_a_limit_is_told_with_numbers() -> None:
    quality = measure(np.concatenate([grey(0), grey(0), grey(255)]))
    limits = QualityLimits(max_dark=0.6, max_bright=0.3, min_sharpness=1e6)
    assert [reason.code for reason in doubts(quality, limits)] == ["dark", "bright", "blurred"]
    assert doubts(quality, limits)[0].text == "66.7% of the picture is as good as black, at most 60.0% may be"
    assert doubts(quality, QualityLimits(max_dark=0.7, max_bright=0.4, min_sharpness=0)) == []
    assert doubts(quality, QualityLimits()) == []
