from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yolo_tl.edge import Detector
from yolo_tl.errors import BundleError
from yolo_tl.files import sha256, write_json


@pytest.fixture
def bundle(toy, tmp_path: Path) -> Path:
    """A bundle around the toy network."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    toy("bundle/model.onnx")
    manifest = {
        "schema": 1,
        "format": "onnx",
        "model": "model.onnx",
        "files": {"model.onnx": sha256(folder / "model.onnx")},
        "task": "detect",
        "names": ["class 0", "class 1", "class 2"],
        "input": {"shape": [1, 3, 64, 96], "imgsz": [64, 96], "dtype": "float32", "dynamic": False, "stride": 32},
        "preprocess": {"letterbox": 114, "colour": "RGB", "scale": "1/255"},
        "head": "raw",
        "thresholds": {"confidence": 0.6, "iou": 0.4, "max_det": 9},
        "licence": "AGPL-3.0",
    }
    write_json(folder / "manifest.json", manifest)
    return folder


def change(folder: Path, **entries: Any) -> None:
    path = folder / "manifest.json"
    content = {**json.loads(path.read_text()), **entries}
    write_json(path, {key: value for key, value in content.items() if value is not None})


def test_a_bundle_brings_its_thresholds(bundle: Path, pictures: list[np.ndarray]) -> None:
    detector = Detector(bundle)
    assert (detector.confidence, detector.iou, detector.max_det) == (0.6, 0.4, 9)
    plain = Detector(bundle / "model.onnx")
    found, expected = detector(pictures[3]), plain(pictures[3], confidence=0.6, iou=0.4, max_det=9)
    assert 0 < len(found) <= 9
    np.testing.assert_array_equal(found.xyxy, expected.xyxy)
    assert len(plain(pictures[3])) > len(found)


def test_a_bundle_brings_thresholds_by_class(bundle: Path, pictures: list[np.ndarray]) -> None:
    own = {"class 2": 0.9, "class 0": 0.3}
    change(bundle, thresholds={"confidence": 0.6, "iou": 0.4, "max_det": 300, "classes": own}, qualification={})
    detector, plain = Detector(bundle), Detector(bundle / "model.onnx")
    assert detector.class_confidence == own
    found = detector(pictures[3])
    for number, threshold in ((0, 0.3), (1, 0.6), (2, 0.9)):
        assert found.confidence[found.class_id == number].min() > threshold
    assert found.confidence[found.class_id == 0].min() < 0.6
    for options in ({"confidence": 0.6}, {"confidence": 0.0}):  # said at the call, it is that of every class
        again, expected = detector(pictures[3], **options), plain(pictures[3], iou=0.4, **options)
        np.testing.assert_array_equal(again.xyxy, expected.xyxy)
        np.testing.assert_array_equal(again.class_id, expected.class_id)
    assert set(detector(pictures[3], classes=[2]).class_id.tolist()) == {2}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"schema": 2}, r"schema: expected 1, found 2"),
        ({"schema": None}, r"schema: expected 1, found None"),
        ({"schema": True}, r"schema: expected 1, found True"),
        ({"format": "engine"}, r"format: expected 'onnx'"),
        (
            {"preprocess": {"letterbox": 300, "colour": "RGB", "scale": "1/255"}},
            r"preprocess\.letterbox: expected 0 to 255, found 300",
        ),
        ({"preprocess": None}, r"preprocess: expected a dict, found nothing"),
        ({"names": []}, r"names: expected a list of class names"),
        ({"names": ["class 0", "class 2", "class 1"]}, r"names: the manifest says"),
        ({"task": "segment"}, r"task: the manifest says segment"),
        ({"head": "nms"}, r"head: the manifest says nms, model\.onnx says raw"),
        ({"thresholds": {"confidence": 7}}, r"thresholds: confidence: expected a number"),
        (
            {"thresholds": {"classes": {"class 3": 0.5}}},
            r"thresholds\.classes: expected a threshold for names of class 0",
        ),
        ({"thresholds": {"classes": [0.5]}}, r"thresholds\.classes: expected a threshold"),
        ({"thresholds": {"classes": {"class 1": 50}}}, r"thresholds: confidence of class 1: expected a number"),
        ({"model": "../model.onnx"}, r"model: expected a file name"),
        ({"model": "other.onnx"}, r"other\.onnx: named in manifest\.json, but there is no such file"),
        ({"files": {}}, r"expected SHA-256 None"),
    ],
)
def test_a_manifest_that_does_not_fit(bundle: Path, entries: dict[str, Any], message: str) -> None:
    change(bundle, **entries)
    with pytest.raises(BundleError, match=message):
        Detector(bundle)


def test_one_changed_byte_is_noticed(bundle: Path) -> None:
    content = bytearray((bundle / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "model.onnx").write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.onnx: expected SHA-256"):
        Detector(bundle)


@pytest.mark.parametrize(("content", "message"), [("{", "expected JSON"), ("[]", "JSON object"), ("\xff", "JSON")])
def test_a_manifest_that_is_not_one(bundle: Path, content: str, message: str) -> None:
    (bundle / "manifest.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BundleError, match=message):
        Detector(bundle)


def test_a_folder_without_manifest(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json: expected the manifest of a bundle"):
        Detector(tmp_path)
