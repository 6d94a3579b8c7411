"""Predictions in a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yolo_tl.errors import DataError, DataNotFound
from yolo_tl.evaluation import ImageResult, Predictions

NAMES = ("a", "b", "ü")


def made(results: list[ImageResult]) -> Predictions:
    return Predictions(tuple(results), NAMES, "val", model="best.pt", data="data.yaml")


@pytest.mark.parametrize(("images", "detections"), [(12, 12), (1, 0)])
def test_what_is_read_is_what_was_written(sample, tmp_path: Path, images: int, detections: int) -> None:
    results = [
        replace(one, image=f"ä/{i} b.png", ratio=0.5 + i, pad=(3.5, float(i)))
        for i, one in enumerate(sample(3, images=images, detections=detections))
    ]
    written = made(results)
    written.write(tmp_path / "p.npz")
    found = Predictions.read(tmp_path / "p.npz")
    assert (found.names, found.split, found.model, found.data) == (NAMES, "val", "best.pt", "data.yaml")
    assert [one.image for one in found.results] == [one.image for one in results]
    for one, other in zip(found.results, results, strict=True):
        assert (one.ratio, one.pad) == (other.ratio, other.pad)
        for own, its in (
            (one.detections.xyxy, other.detections.xyxy),
            (one.detections.confidence, other.detections.confidence),
            (one.detections.class_id, other.detections.class_id),
            (one.truth_xyxy, other.truth_xyxy),
            (one.truth_class, other.truth_class),
        ):
            assert own.dtype == its.dtype
            np.testing.assert_array_equal(own, its)


@pytest.mark.parametrize("at", [0, 40, 400, -30])
def test_a_damaged_file_is_named(sample, tmp_path: Path, at: int) -> None:
    path = tmp_path / "p.npz"
    made(sample(3)).write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:at] if at >= 0 else whole[: len(whole) + at])
    with pytest.raises(DataError, match=r"p\.npz: expected predictions"):
        Predictions.read(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", boxes=np.zeros(3))
    with pytest.raises(DataError, match=r"other\.npz: expected predictions"):
        Predictions.read(tmp_path / "other.npz")
    with pytest.raises(DataNotFound, match=r"none\.npz"):
        Predictions.read(tmp_path / "none.npz")


def test_boxes_in_the_original_undo_the_letterbox(sample) -> None:
    result = replace(sample(1)[0], ratio=0.5, pad=(10.0, 20.0))
    box = np.float32([[10, 20, 60, 120]])
    np.testing.assert_allclose(result.in_original(box), [[0, 0, 100, 200]])
