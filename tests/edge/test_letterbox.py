from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.edge.letterbox import letterbox, to_tensor, unletterbox

SIDES = st.integers(1, 400)
CANVAS = st.tuples(st.integers(1, 6), st.integers(1, 6)).map(lambda sides: (sides[0] * 32, sides[1] * 32))


@settings(max_examples=150, deadline=None)
@given(height=SIDES, width=SIDES, canvas=CANVAS, rectangle=st.booleans())
def test_letterbox_equals_the_peer(
    ultralytics: ModuleType, height: int, width: int, canvas: tuple[int, int], rectangle: bool
) -> None:
    from ultralytics.data.augment import LetterBox

    image = np.random.default_rng(height * 401 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    ours = letterbox(image, canvas, stride=32 if rectangle else None)
    theirs = LetterBox(canvas, auto=rectangle, stride=32)(image=image)
    np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=150, deadline=None)
@given(height=SIDES, width=SIDES, canvas=CANVAS, seed=st.integers(0, 99))
def test_unletterbox_equals_the_peer(
    ultralytics: ModuleType, height: int, width: int, canvas: tuple[int, int], seed: int
) -> None:
    import torch
    from ultralytics.utils.ops import scale_boxes

    boxes = np.random.default_rng(seed).uniform(-50, 250, (20, 4)).astype(np.float32)
    ours = unletterbox(boxes, canvas=canvas, image=(height, width))
    theirs = scale_boxes(canvas, torch.from_numpy(boxes.copy()), (height, width, 3)).numpy()
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=100, deadline=None)
@given(height=st.integers(30, 400), width=st.integers(30, 400))
def test_a_box_survives_the_way_there_and_back(height: int, width: int) -> None:
    canvas = (160, 224)
    image = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = width // 4, height // 4, 3 * width // 4, 3 * height // 4
    image[y1:y2, x1:x2] = 255
    rows, columns = np.nonzero(letterbox(image, canvas)[..., 0] > 184)
    seen = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    pixel = max(height / canvas[0], width / canvas[1], 1)
    np.testing.assert_allclose(
        unletterbox(seen, canvas=canvas, image=(height, width)), [[x1, y1, x2, y2]], atol=1.5 * pixel
    )


def test_the_tensor_is_rgb_and_equals_the_peers_division(ultralytics: ModuleType) -> None:
    import torch

    image = np.arange(256, dtype=np.uint8).repeat(3 * 4).reshape(32, 32, 3)
    theirs = torch.from_numpy(image[None]).permute(0, 3, 1, 2).contiguous().flip(1).float().div_(255).numpy()
    np.testing.assert_array_equal(to_tensor([image]), theirs)
    coloured = np.zeros((4, 5, 3), np.uint8)
    coloured[..., 0] = 255
    assert to_tensor([image[:4, :5], coloured])[1, :, 0, 0].tolist() == [0, 0, 1]


@pytest.mark.parametrize("size", [(64, 96), (640, 960)])
def test_an_image_of_the_right_shape_is_only_scaled(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert letterbox(image, (64, 96)).shape == (64, 96, 3)
    if size == (64, 96):
        np.testing.assert_array_equal(letterbox(image, (64, 96)), image)
