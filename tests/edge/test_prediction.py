"""A prediction in the forms that others read: JSON, COCO results, supervision."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from yolo_tl.boxes import Detections, compressed_run_lengths
from yolo_tl.edge import Classification, Detector, Frame, Prediction
from yolo_tl.edge.prediction import StageTimes
from yolo_tl.errors import UsageError

IMAGE = np.zeros((20, 30, 3), np.uint8)
BOXES = Detections.from_rows([[2, 3, 12, 9, 0.9, 1], [0, 0, 9, 9, 0.8, 0], [5, 5, 9, 9, 0.7, 1]])
NAMES = ("cell", "crack")


def prediction(result: Detections | Classification | None = BOXES, **frame: object) -> Prediction:
    return Prediction(Frame(**{"image": IMAGE, "source": "line 1", "number": 7, **frame}), result, NAMES, "abc")


def test_everything_that_is_known_is_in_the_dictionary() -> None:
    said = replace(prediction(), queue_age=0.5, times=StageTimes(1.0, 2.0, 3.0), saturated=True)
    content = json.loads(json.dumps(said.to_dict()))
    assert content["image"] == "line 1#7"
    assert (content["source"], content["frame"], content["state"]) == ("line 1", 7, "ok")
    assert (content["size"], content["model"], content["queue_age"]) == ([20, 30], "abc", 0.5)
    assert content["times"] == {"preprocess": 1.0, "inference": 2.0, "postprocess": 3.0}
    assert content["saturated"]
    assert [row["name"] for row in content["detections"]] == ["crack", "cell", "crack"]


def test_nothing_looked_at_is_not_nothing_found() -> None:
    lost, empty = prediction(None, image=None, state="lost"), prediction(Detections.empty())
    assert "detections" not in lost.to_dict()
    assert lost.describe() == "lost"
    assert empty.to_dict()["detections"] == []
    assert empty.describe() == "nothing found"
    assert len(lost) == len(empty) == 0
    with pytest.raises(UsageError, match="the frame is lost"):
        lost.draw()
    with pytest.raises(ValueError, match="a frame that is ok"):
        prediction(image=None)


def test_what_people_read() -> None:
    assert prediction().describe() == "1 cell, 2 crack"
    said = prediction(Classification(np.array([0.2, 0.8], np.float32)))
    assert said.describe() == "crack 0.80"
    assert len(said) == 1
    with pytest.raises(UsageError, match="classification"):
        said.to_coco(1)


def test_coco_takes_the_results(tmp_path) -> None:
    masks = np.zeros((3, 20, 30), np.bool_)
    masks[0, 3:9, 2:12] = masks[1, :9, :9] = masks[2, 5:9, 5:9] = True
    found = replace(BOXES, masks=masks, keypoints=np.ones((3, 2, 2), np.float32))
    results = prediction(found).to_coco(5, categories={0: 10, 1: 20})
    assert [entry["category_id"] for entry in results] == [20, 10, 20]
    np.testing.assert_allclose(results[0]["bbox"], [2, 3, 10, 6])
    assert results[0]["keypoints"] == [1.0, 1.0, 1.0] * 2
    truth = {
        "images": [{"id": 5, "width": 30, "height": 20}],
        "categories": [{"id": 10, "name": "cell"}, {"id": 20, "name": "crack"}],
        "annotations": [],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps(results))
    coco = COCO(tmp_path / "truth.json")
    loaded = coco.loadRes(str(tmp_path / "results.json"))
    assert [loaded.anns[i]["area"] for i in sorted(loaded.anns)] == [60, 81, 16]


def test_coco_has_the_upright_box_around_a_turned_one() -> None:
    turned = replace(BOXES[:1], angle=np.array([np.pi / 2], np.float32))
    (entry,) = prediction(turned).to_coco("a")
    np.testing.assert_allclose(entry["bbox"], [4, 1, 6, 10], atol=1e-5)


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_run_lengths_are_those_of_coco(mask: np.ndarray) -> None:
    expected = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert compressed_run_lengths(mask) == expected["counts"].decode()


def test_supervision_sees_the_same() -> None:
    supervision = pytest.importorskip("supervision")
    found = prediction(replace(BOXES, angle=np.full(3, 0.1, np.float32))).to_supervision()
    assert isinstance(found, supervision.Detections)
    np.testing.assert_array_equal(found.xyxy, BOXES.xyxy)
    assert list(found.data["class_name"]) == ["crack", "cell", "crack"]
    assert found.data["xyxyxyxy"].shape == (3, 4, 2)
    assert len(prediction(None, image=None, state="lost").to_supervision()) == 0


def test_a_model_observes(toy) -> None:
    detector = Detector(toy(), threads=1)
    frame = Frame(np.full((64, 64, 3), 90, np.uint8), "line", 3)
    said = detector.observe(frame)
    assert said.frame is frame
    np.testing.assert_array_equal(said.result.xyxy, detector(frame.image).xyxy)
    assert len(said.model) == 64
    assert said.times.total > 0
    assert 0 <= said.queue_age < 60
    detector.max_det = max(len(said), 1)
    assert detector.observe(frame).saturated == (len(said) > 0)
    late = detector.observe(replace(frame, state="late"))
    assert late.result is None
    assert late.times is None
