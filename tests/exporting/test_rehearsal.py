"""What is judged before the export is what the exported bundle finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.checkpoints import checkpoint

import yolo_tl
from yolo_tl.data import read_dataset
from yolo_tl.edge import read_image
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.errors import DataError, DataNotFound
from yolo_tl.evaluation.inspection.units import LOWEST
from yolo_tl.exporting.rehearsal import rehearse


def test_a_checkpoint_says_what_its_bundle_will_say(sample: Path, tmp_path: Path) -> None:
    dataset, weights = read_dataset(sample), checkpoint(tmp_path / "net.pt", sample)
    found = rehearse(load_checkpoint(weights), dataset=dataset, split="val", imgsz=64, head="raw")
    assert (found.names, found.split) == (dataset.names, "val")
    yolo_tl.export(weights, sample, tmp_path / "bundle", overrides={"head": "raw"})
    detector = yolo_tl.Detector(tmp_path / "bundle")
    detector.class_confidence = dict.fromkeys(detector.names, LOWEST)
    split, total = dataset.split("val"), 0
    assert [result.image for result in found.results] == [str(path) for path in split.images]
    for i, result in enumerate(found.results):
        image = read_image(result.image)
        edge, ours = detector(image), result.detections
        total += len(ours)
        assert ours.class_id.tolist() == edge.class_id.tolist()
        np.testing.assert_allclose(ours.xyxy, edge.xyxy, atol=0.05)
        np.testing.assert_allclose(ours.confidence, edge.confidence, atol=1e-4)
        height, width = image.shape[:2]
        x, y, w, h = (split.boxes[split.image_index == i] * [width, height, width, height]).T
        truth = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
        np.testing.assert_allclose(result.truth_xyxy, truth, atol=1e-3)
        assert result.truth_class.tolist() == split.class_ids[split.image_index == i].tolist()
    assert total > 0


def test_other_classes_and_splits_are_refused(sample: Path, tmp_path: Path) -> None:
    dataset, module = read_dataset(sample), load_checkpoint(checkpoint(tmp_path / "net.pt", sample))
    with pytest.raises(DataNotFound, match="no split 'holdout'"):
        rehearse(module, dataset=dataset, split="holdout", imgsz=64, head="raw")
    with pytest.raises(DataError, match="are not those of the model"):
        rehearse(module, dataset=replace(dataset, names=("x", "y", "z")), split="val", imgsz=64, head="raw")
