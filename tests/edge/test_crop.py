from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from yolo_tl.edge.crop import crop

SIDE = st.integers(1, 300)
SQUARE = st.integers(1, 120).map(lambda side: (side, side))
CANVAS = st.one_of(SQUARE, st.tuples(st.integers(1, 120), st.integers(1, 120)))


def theirs(image: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
    """What Ultralytics' `classify_transforms` does before it turns levels into numbers."""
    transforms = pytest.importorskip("torchvision.transforms")
    from PIL import Image

    resize = canvas[0] if canvas[0] == canvas[1] else canvas
    steps = transforms.Compose([transforms.Resize(resize), transforms.CenterCrop(canvas)])
    return np.array(steps(Image.fromarray(image)))


def pillow() -> int:
    import PIL

    return int(PIL.__version__.partition(".")[0])


def picture(height: int, width: int, *, seed: int, hard: bool) -> np.ndarray:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return (image > 127).astype(np.uint8) * 255 if hard else image


@settings(max_examples=100, deadline=None)
@given(height=SIDE, width=SIDE, canvas=CANVAS, seed=st.integers(0, 10**6), hard=st.booleans())
def test_bit_equal_to_pillow(height: int, width: int, canvas: tuple[int, int], seed: int, hard: bool) -> None:
    assume(max(height, width) / min(height, width) < 40)
    assume(pillow() >= 13 or height <= width)  # older ones take the other axis first
    image = picture(height, width, seed=seed, hard=hard)
    np.testing.assert_array_equal(crop(image, canvas), theirs(image, canvas))


@pytest.mark.skipif(pillow() < 13, reason="older versions always take the width first")
@pytest.mark.parametrize("size", [(120, 40), (400, 90), (90, 400), (332, 120), (331, 120)])
def test_bit_equal_to_pillow_where_the_order_of_the_axes_matters(size: tuple[int, int]) -> None:
    image = picture(*size, seed=3, hard=False)
    for side in (16, 37, 94):
        np.testing.assert_array_equal(crop(image, (side, side)), theirs(image, (side, side)))


def test_an_image_of_the_right_size_is_left_alone() -> None:
    image = picture(64, 64, seed=0, hard=False)
    np.testing.assert_array_equal(crop(image, (64, 64)), image)
    np.testing.assert_array_equal(crop(np.hstack([image] * 3), (64, 64)), image)


def test_levels_stay_in_range() -> None:
    white = np.full((333, 77, 3), 255, np.uint8)
    assert (crop(white, (31, 31)) == 255).all()
    assert (crop(white * 0, (31, 31)) == 0).all()
