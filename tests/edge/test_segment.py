from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.edge.segment import canvas_masks, image_masks

CANVAS = (64, 96)
SIDE = st.integers(1, 260)


def scene(seed: int, count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Prototypes (8, 16, 24) and rows (count, 14), boxes also beyond the canvas."""
    rng = np.random.default_rng(seed)
    prototypes = rng.standard_normal((8, 16, 24)).astype(np.float32)
    corner = rng.uniform(-20, 80, (count, 2))
    rows = np.hstack([corner, corner + rng.uniform(-4, 60, (count, 2)), rng.random((count, 1)), np.zeros((count, 1))])
    return prototypes, np.hstack([rows, rng.standard_normal((count, 8))]).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 7))
def test_masks_on_the_canvas_equal_the_peers(ultralytics: ModuleType, seed: int, count: int) -> None:
    import torch
    from ultralytics.utils.ops import process_mask

    prototypes, rows = scene(seed, count)
    tensor = torch.from_numpy(rows)
    expected = process_mask(torch.from_numpy(prototypes), tensor[:, 6:], tensor[:, :4], CANVAS, upsample=True)
    differing = canvas_masks(prototypes, rows, CANVAS) != expected.numpy().astype(bool)
    assert differing.sum() <= 1  # a sum that is almost zero may have either sign


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), height=SIDE, width=SIDE)
def test_masks_in_the_image_equal_the_peers_but_for_ties(
    ultralytics: ModuleType, seed: int, height: int, width: int
) -> None:
    import torch
    from ultralytics.utils.ops import scale_masks

    masks = canvas_masks(*scene(seed), CANVAS)
    found = image_masks(masks, (height, width))
    enlarged = scale_masks(torch.from_numpy(masks)[None].float(), (height, width))[0].numpy()
    differing = found != (enlarged > 0.5)
    assert found.shape == (6, height, width)
    # A place in the canvas is a float32 below 128, so it is known to 2**-17 px.
    assert (np.abs(enlarged[differing] - 0.5) < 1e-5).all()
    assert differing.sum() <= max(found.size // 20, 3)


@pytest.mark.parametrize("size", [(32, 48), (16, 24), (128, 192), (256, 384)])
def test_half_a_pixel_is_no_pixel(ultralytics: ModuleType, size: tuple[int, int]) -> None:
    """By a power of two every number is exact, and a border pixel is exactly one half."""
    import torch
    from ultralytics.utils.ops import scale_masks

    masks = canvas_masks(*scene(2), CANVAS)
    enlarged = scale_masks(torch.from_numpy(masks)[None].float(), size)[0].numpy()
    assert (enlarged == 0.5).any() == (size < CANVAS)
    np.testing.assert_array_equal(image_masks(masks, size), enlarged > 0.5)


def test_a_mask_ends_at_its_box() -> None:
    prototypes = np.ones((1, 16, 24), np.float32)
    rows = np.array([[10.5, 3, 20, 9.2, 0.9, 0, 1]], np.float32)
    (mask,) = canvas_masks(prototypes, rows, CANVAS)
    ys, xs = np.nonzero(mask)
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (11, 19, 3, 9)
    assert mask.sum() == 9 * 7


def test_boxes_that_hold_no_pixel_have_empty_masks() -> None:
    prototypes = np.ones((1, 16, 24), np.float32)
    boxes = [[200, 3, 220, 9], [10, 3, 5, 9], [np.nan, 3, 5, 9], [10.2, 3, 10.8, 9]]
    rows = np.array([[*box, 0.9, 0, 1] for box in boxes], np.float32)
    masks = canvas_masks(prototypes, rows, CANVAS)
    assert not masks.any()
    assert image_masks(masks, (30, 40)).shape == (4, 30, 40)


def test_an_image_as_large_as_the_canvas_keeps_its_masks() -> None:
    masks = canvas_masks(*scene(1), CANVAS)
    np.testing.assert_array_equal(image_masks(masks, CANVAS), masks)
