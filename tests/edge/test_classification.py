from __future__ import annotations

import numpy as np
import pytest

from yolo_tl.edge import Classification

SAID = Classification(np.array([0.1, 0.3, 0.05, 0.3, 0.15, 0.04, 0.06], np.float32))


def test_the_best_classes_come_first_and_equal_ones_in_order() -> None:
    assert SAID.top1 == 1
    assert SAID.top5 == (1, 3, 4, 0, 6)
    assert SAID.confidence == pytest.approx(0.3)


def test_fewer_than_five_classes() -> None:
    assert Classification(np.array([0.25, 0.75], np.float32)).top5 == (1, 0)


def test_rows_for_json() -> None:
    rows = SAID.to_rows([f"class {i}" for i in range(7)])
    assert [row["name"] for row in rows] == ["class 1", "class 3", "class 4", "class 0", "class 6"]
    assert rows[2] == {"confidence": pytest.approx(0.15), "class_id": 4, "name": "class 4"}


@pytest.mark.parametrize("shape", [(0,), (1, 3)])
def test_probabilities_are_one_row(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected shape \(C,\)"):
        Classification(np.zeros(shape, np.float32))
