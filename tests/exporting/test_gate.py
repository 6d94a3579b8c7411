from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.config import ExportConfig
from yolo_tl.errors import ExportError
from yolo_tl.exporting.gate import compare, match

CONFIG = ExportConfig()


@pytest.fixture
def images(tmp_path):
    import cv2

    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((40, 60, 3), 40 * i, np.uint8))
    return paths


def raw(boxes=((16, 16, 8, 8), (40, 40, 10, 10)), scores=((0.9, 0.1), (0.2, 0.6))):
    """An output (1, 4 + 2, 2) of the raw head."""
    return np.concatenate([np.array(boxes, np.float32).T, np.array(scores, np.float32).T])[None]


def run(images, first, second, head="raw", config=CONFIG):
    return compare(images, reference=lambda t: first, exported=lambda t: second, head=head, imgsz=64, config=config)


def test_equal_models_agree(images):
    parity = run(images, raw(), raw())
    assert parity.passed
    assert (parity.images, parity.detections, parity.unmatched, parity.box) == (3, 6, 0, 0)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (raw(boxes=((16.1, 16, 8, 8), (40, 40, 10, 10))), "boxes within 0.1"),
        (raw(scores=((0.9, 0.1), (0.2, 0.61))), "scores within 0.01"),
        (raw(scores=((0.9, 0.1), (0.2, 0.2))), "3 unmatched"),
        (raw(scores=((0.1, 0.9), (0.2, 0.6))), "6 unmatched"),
    ],
)
def test_a_model_that_differs_does_not_pass(images, other, says):
    parity = run(images, raw(), other)
    assert not parity.passed
    assert says in parity.describe()
    assert "DISAGREES" in parity.describe()


def test_rounding_across_the_threshold_is_no_disagreement(images):
    parity = run(images, raw(scores=((0.2501, 0), (0, 0.6))), raw(scores=((0.2499, 0), (0, 0.6))))
    assert parity.unmatched == 0
    assert parity.passed


def test_reordered_rows_of_an_nms_free_head_are_the_same_set(images):
    rows = np.array([[1, 1, 9, 9, 0.8, 0], [20, 20, 30, 30, 0.8, 1], [0, 0, 1, 1, 0.01, 1]], np.float32)[None]
    assert run(images, rows, rows[:, [1, 0, 2]], head="nms-free").passed
    assert not run(images, rows, rows[:, [1, 1, 2]], head="nms-free").passed


def test_boxes_count_even_where_no_score_reaches_the_threshold(images):
    """An untrained network has no detection; its output must still be the same."""
    rows = np.array([[1, 1, 9, 9, 0.002, 0], [20, 20, 30, 30, 0.001, 1]], np.float32)[None]
    moved = rows + np.array([0.2, 0, 0, 0, 0, 0], np.float32)
    assert run(images, rows, rows, head="nms-free").passed
    assert not run(images, rows, moved, head="nms-free").passed
    low = raw(scores=((0.01, 0), (0, 0.01)))
    assert not run(images, low, low + 0.1).passed


def test_nothing_to_compare_proves_nothing(images):
    none = np.zeros((1, 300, 6), np.float32)
    with pytest.raises(ExportError, match="nothing to compare"):
        run(images, raw(scores=((0.1, 0), (0, 0.1))), none, head="nms")


@given(st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_a_shuffled_set_matches_itself(n, seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 500, (n, 2))
    rows = np.concatenate(
        [corner, corner + rng.uniform(5, 50, (n, 2)), rng.uniform(0, 1, (n, 1)), rng.integers(0, 3, (n, 1))], 1
    )
    rows = rows.astype(np.float32)
    order = rng.permutation(n)
    pairs = match(rows, rows[order])
    assert len(pairs) == n
    np.testing.assert_array_equal(rows[pairs[:, 0]], rows[order][pairs[:, 1]])
