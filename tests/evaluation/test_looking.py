"""A split seen by anything that looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.datasets import dataset

from yolo_tl.boxes import Detections
from yolo_tl.data import read_dataset
from yolo_tl.errors import DataError, DataNotFound
from yolo_tl.evaluation.looking import predictions_of

FOUND = Detections.from_rows([[1, 2, 3, 4, 0.5, 1]])


def test_each_image_with_what_was_said_and_what_is_true(tmp_path: Path) -> None:
    grey = np.full((50, 80, 3), 90, np.uint8)
    rows = {"val/a.png": ["1 0.5 0.5 0.25 0.2", "0 0.1 0.1 0.1 0.1"], "val/b.png": [], "train/c.png": []}
    data = read_dataset(dataset(tmp_path, {name: (grey, labels) for name, labels in rows.items()}))
    asked: list[Path] = []

    def look(path: Path) -> tuple[Detections, tuple[int, int]]:
        asked.append(path)
        return FOUND, (50, 80)

    found = predictions_of(look, data, "val", names=("cat", "dog"), model="x")
    assert asked == list(data.split("val").images)
    assert (found.names, found.split, found.model, found.data) == (("cat", "dog"), "val", "x", str(data.data))
    full, empty = found.results
    assert full.image == str(asked[0])
    assert full.detections is FOUND
    np.testing.assert_allclose(full.truth_xyxy, [[30, 20, 50, 30], [4, 2.5, 12, 7.5]], atol=1e-4)
    assert full.truth_class.tolist() == [1, 0]
    assert empty.truth_xyxy.shape == (0, 4)
    with pytest.raises(DataError, match="its classes"):
        predictions_of(look, data, "val", names=("dog", "cat"), model="x")
    with pytest.raises(DataNotFound):
        predictions_of(look, data, "test", names=("cat", "dog"), model="x")
