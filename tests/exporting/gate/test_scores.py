"""Level 4: scores of both models and the interval of their difference."""

from __future__ import annotations

import numpy as np
import pytest

from yolo_tl.boxes import Detections
from yolo_tl.evaluation.bootstrap import resample
from yolo_tl.exporting.gate.scores import accuracy, horizontal


def test_an_oriented_box_counts_by_its_extent():
    found = Detections(np.float32([[10, 20, 50, 30]]), np.float32([0.9]), np.array([0]), angle=np.float32([np.pi / 2]))
    np.testing.assert_allclose(horizontal(found).xyxy, [[25, 5, 35, 45]], atol=1e-4)
    assert horizontal(found).angle is None


def test_accuracy_is_paired_over_images():
    """Both are right and wrong on the same images but one; drawn apart, the interval would be far wider."""
    a = np.array([True] * 40 + [False] * 10)
    b = a.copy()
    b[0] = False
    found = accuracy(a, b, resamples=1000)
    assert (found.a, found.b, found.loss) == (0.8, 0.78, pytest.approx(0.02))
    drawn = resample(50, resamples=1000, seed=0) @ (a.astype(int) - b) / 50
    assert (found.low, found.high) == tuple(np.quantile(drawn, [0.025, 0.975]))
    assert found.high < 0.1
    assert accuracy(a, a, resamples=1000).high == 0


def test_one_image_says_nothing():
    found = accuracy(np.array([True]), np.array([True]), resamples=1000)
    assert found.loss is None
    assert "two or more images" in found.reason
