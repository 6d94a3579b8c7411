"""How far outputs are apart, by what their columns mean."""

from __future__ import annotations

import numpy as np
import pytest

from yolo_tl.edge.network import NetworkInfo
from yolo_tl.exporting.gate.tensors import Tensors, pairs_of, tensors

CASES = [
    # Which number of an anchor is changed, by how much, and where that shows.
    ("detect", "raw", 0, 0.5, {"box": 0.5}),
    ("detect", "raw", 4, 0.1, {"score": 0.1}),
    ("detect", "nms-free", 0, 0.5, {"box": 0.5}),
    ("detect", "nms-free", 4, 0.1, {"score": 0.1}),
    ("pose", "raw", 6, 0.5, {"box": 0.5}),
    ("pose", "raw", 8, 0.1, {"score": 0.1}),
    ("pose", "nms-free", 7, 0.5, {"box": 0.5}),
    ("pose", "nms-free", 11, 0.1, {"score": 0.1}),
    ("obb", "raw", 6, 0.1, {"box": np.sin(0.1) * 10}),
    ("obb", "nms-free", 6, 0.1, {"box": np.sin(0.1) * 10}),
    ("obb", "raw", 6, np.pi, {}),
    ("segment", "raw", 6, 0.4, {"masks": 0.1}),
    ("segment", "nms-free", 7, 0.4, {"masks": 0.1}),
]


def example(task: str, head: str) -> tuple[np.ndarray, ...]:
    """Three anchors of two classes; numbers of a box beside corners and scores: keypoints, an angle, coefficients."""
    extra = {"detect": 0, "pose": 6, "obb": 1, "segment": 4}[task]
    boxes, more = [[10, 10, 20, 8], [40, 40, 10, 10], [20, 50, 6, 6]], np.full((3, extra), 3.6)
    if head == "raw":
        first = np.column_stack([boxes, [[0.9, 0.1], [0.2, 0.6], [0.01, 0.02]], more]).T
    else:
        first = np.column_stack([boxes, [0.9, 0.6, 0.02], [0, 1, 1], more])
    return (first, np.full((4, 2, 2), 5.0)) if task == "segment" else (first,)


@pytest.mark.parametrize(("task", "head", "column", "by", "shows"), CASES)
def test_each_number_shows_as_what_it_means(task, head, column, by, shows):
    info = NetworkInfo(task, ("a", "b"), head, (64, 64), keypoints=(2, 3) if task == "pose" else None)
    a = example(task, head)
    assert tensors(a, a, (info, info)) == Tensors()
    changed = a[0].copy()
    if head == "raw":
        changed[column, 0] += by
    else:
        changed[0, column] += by
    result = tensors(a, (changed, *a[1:]), (info, info))
    assert {key: value for key, value in vars(result).items() if value and value > 1e-9} == pytest.approx(shows)


def test_prototypes_are_compared_too():
    info = NetworkInfo("segment", ("a", "b"), "raw", (64, 64))
    rows, prototypes = example("segment", "raw")
    other = prototypes.copy()
    other[0, 0, 0] = 4.0
    assert tensors((rows, prototypes), (rows, other), (info, info)).masks == pytest.approx(0.2)


def test_probabilities_are_compared():
    info = NetworkInfo("classify", ("a", "b"), "raw", (64, 64))
    assert tensors((np.array([0.2, 0.8]),), (np.array([0.3, 0.7]),), (info, info)).score == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"head": "nms"}, "heads raw and nms"),
        ({"names": ("a",)}, "numbers of classes 2 and 1"),
        ({"task": "obb"}, "tasks detect and obb"),
    ],
)
def test_what_is_laid_out_otherwise_is_not_compared(other, says):
    asked = {"task": "detect", "names": ("a", "b"), "head": "raw", "imgsz": (64, 64)}
    result = tensors(*[example("detect", "raw")] * 2, (NetworkInfo(**asked), NetworkInfo(**{**asked, **other})))
    assert says in result.reason


def test_other_sizes_are_not_compared():
    info = NetworkInfo("detect", ("a", "b"), "raw", (64, 64), dynamic=True)
    (rows,) = example("detect", "raw")
    assert "outputs of shapes" in tensors((rows,), (rows[:, :2],), (info, info)).reason


def test_the_last_rows_kept_are_left_to_rounding():
    """Two that differ in the weakest row kept agree; in a stronger one they do not."""
    info = NetworkInfo("detect", ("a", "b"), "nms-free", (64, 64))
    (rows,) = example("detect", "nms-free")
    for place, missing in ((2, 0), (1, 1)):
        other = rows.copy()
        other[place, :4] += 30
        assert tensors((rows,), (other,), (info, info)).missing_rows == 2 * missing


def test_largest_differences_add_up_over_images():
    assert Tensors(0.1, 0.5) | Tensors(0.3, 0.2, 0.1, 2) == Tensors(0.3, 0.5, 0.1, 2)
    assert np.isnan((Tensors(0.1) | Tensors(np.nan)).box)
    assert (Tensors(0.1) | Tensors(reason="why")).reason == "why"


def test_rows_are_pairs_within_their_reach_only():
    rows = np.float32([[0, 0, 9, 9, 0.9, 1]])
    assert len(pairs_of(rows, rows + np.float32([0.9, 0, 0, 0, 0, 0]))) == 1
    assert len(pairs_of(rows, rows + np.float32([1.1, 0, 0, 0, 0, 0]))) == 0
    assert len(pairs_of(rows, np.zeros((0, 6), np.float32))) == 0
