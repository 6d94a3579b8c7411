from __future__ import annotations

import shutil

import pytest

import yolo_tl
from yolo_tl.errors import DataError, DataNotFound


@pytest.mark.parametrize("head", ["one-to-many", "nms-free"])
def test_scores_equal_val_of_ultralytics(learned, tmp_path, ultralytics, head):
    data, weights = learned
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    ours = yolo_tl.evaluate(weights, data, batch=8, device="cpu", head=head)
    theirs = ultralytics.YOLO(weights).val(
        data=str(copy / "data.yaml"),
        imgsz=96,
        batch=8,
        device="cpu",
        plots=False,
        nms=False if head == "nms-free" else None,
        project=str(tmp_path),
    )
    assert ours.metrics.map50_95 > 0.01
    assert ours.metrics.map50_95 == pytest.approx(theirs.box.map, abs=1e-6)
    assert ours.metrics.map50 == pytest.approx(theirs.box.map50, abs=1e-6)
    assert ours.metrics.precision == pytest.approx(theirs.box.mp, abs=1e-6)
    assert ours.metrics.recall == pytest.approx(theirs.box.mr, abs=1e-6)
    for found, ap, ap50 in zip(ours.metrics.per_class, theirs.box.ap, theirs.box.ap50, strict=True):
        assert found.ap50_95 == pytest.approx(ap, abs=1e-6)
        assert found.ap50 == pytest.approx(ap50, abs=1e-6)


def test_the_interval_holds_the_score_and_is_seeded(learned):
    data, weights = learned
    first, second, other = (yolo_tl.evaluate(weights, data, device="cpu", seed=seed) for seed in (0, 0, 1))
    interval = first.intervals.map50_95
    assert interval.low < first.metrics.map50_95 < interval.high
    assert first.to_json() == second.to_json()
    assert other.intervals.map50_95 != interval


def test_other_classes_and_splits_are_refused(learned, tmp_path):
    data, weights = learned
    with pytest.raises(DataNotFound, match="holdout"):
        yolo_tl.evaluate(weights, data, split="holdout")
    shutil.copytree(data, tmp_path / "data")
    yaml = tmp_path / "data" / "data.yaml"
    yaml.write_text(yaml.read_text().replace("disc", "plate"))
    with pytest.raises(DataError, match=r"plate.*are not those of the model"):
        yolo_tl.evaluate(weights, tmp_path / "data")
