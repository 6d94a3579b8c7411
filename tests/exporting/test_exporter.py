"""Real exports of a network that finds something, run by the edge and by Ultralytics on the same file."""

from __future__ import annotations

import json

import numpy as np
import pytest

import yolo_tl
from yolo_tl.boxes import Detections
from yolo_tl.config import GateLimits
from yolo_tl.edge import read_image
from yolo_tl.errors import ConfigError, ExportError, ParityError
from yolo_tl.files import sha256


@pytest.fixture(scope="module", params=[pytest.param("raw", marks=pytest.mark.slow), "nms-free"])
def exported(request, learned, tmp_path_factory):
    data, weights = learned
    out = tmp_path_factory.mktemp("exported") / "bundle"
    return request.param, yolo_tl.export(weights, data, out, overrides={"head": request.param, "confidence": 0.1})


def test_the_gate_saw_detections_and_passed(exported):
    _, result = exported
    assert result.gate.passed
    assert result.gate.matched.detections > 0
    assert result.gate.matched.box < 0.01
    assert result.golden.detections > 0


def test_the_manifest_says_how_to_run_it_and_where_it_is_from(exported, learned):
    head, result = exported
    manifest = json.loads((result.bundle / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["schema"] == 2
    assert manifest["head"] == head
    assert manifest["input"]["shape"] == [1, 3, 96, 96]
    assert manifest["thresholds"] == {"confidence": 0.1, "iou": 0.7, "max_det": 300}
    assert manifest["files"]["model.onnx"] == sha256(result.bundle / "model.onnx")
    assert {name.split("/")[0] for name in manifest["files"]} == {"model.onnx", "golden"}
    assert manifest["source"]["sha256"] == sha256(learned[1])
    assert manifest["source"]["metrics"]["map50_95"] > 0
    assert manifest["gate"]["passed"] is True
    assert len(manifest["data"]["fingerprint"]) == 64
    assert "AGPL" in manifest["licence"]


@pytest.mark.parametrize("confidence", [0.001, 0.1, 0.25])
def test_the_edge_equals_ultralytics_bit_by_bit(exported, learned, ultralytics, confidence):
    _, result = exported
    theirs = ultralytics.YOLO(result.bundle / "model.onnx", task="detect")
    detector = yolo_tl.Detector(result.bundle)
    found = 0
    for path in sorted((learned[0] / "images").rglob("*.*")):
        image = read_image(path)
        mine = detector(image, confidence=confidence)
        other = Detections.from_ultralytics(theirs.predict(image, conf=confidence, verbose=False)[0])
        np.testing.assert_array_equal(mine.xyxy, other.xyxy)
        np.testing.assert_array_equal(mine.confidence, other.confidence)
        np.testing.assert_array_equal(mine.class_id, other.class_id)
        found += len(mine)
    assert found > 0


def test_a_checkpoint_predicts_what_its_export_predicts(exported, learned):
    head, result = exported
    from yolo_tl.engine.detector import CheckpointDetector

    checkpoint = CheckpointDetector(learned[1], device="cpu", head="nms-free" if head == "nms-free" else "one-to-many")
    detector = yolo_tl.Detector(result.bundle)
    for path in sorted((learned[0] / "images" / "val").iterdir()):
        image = read_image(path)
        mine, other = detector(image, confidence=0.2), checkpoint(image, confidence=0.2)
        assert mine.class_id.tolist() == other.class_id.tolist()
        np.testing.assert_allclose(mine.xyxy, other.xyxy, atol=0.05)
        np.testing.assert_allclose(mine.confidence, other.confidence, atol=1e-3)


@pytest.mark.slow
def test_a_dynamic_batch_export_passes(learned, tmp_path):
    data, weights = learned
    result = yolo_tl.export(weights, data, tmp_path / "d", overrides={"dynamic": True, "head": "raw"})
    assert yolo_tl.Detector(result.bundle).dynamic
    result = yolo_tl.export(weights, data, tmp_path / "b", overrides={"batch": 3, "head": "raw"})
    assert yolo_tl.Detector(result.bundle).batch == 3


@pytest.mark.slow
def test_eight_bits_are_calibrated_on_train_and_judged_on_val(learned, tmp_path):
    data, weights = learned
    options = {
        "precision": "int8",
        "head": "raw",
        "quantisation.images": 6,
        "quantisation.search": False,
        "quantisation.slower": True,
        **{f"limits.{name}": None for name in vars(GateLimits())},
    }
    result = yolo_tl.export(weights, data, tmp_path / "b", overrides=options)
    assert result.gate.passed
    assert "in 8 bits for x86" in result.notes[0]
    manifest = json.loads((result.bundle / "manifest.json").read_text(encoding="utf-8"))
    train = {sha256(path) for path in (data / "images" / "train").iterdir()}
    assert manifest["precision"] == "int8"
    assert len(manifest["calibration"]["images"]) == 6
    assert set(manifest["calibration"]["images"]) <= train
    assert yolo_tl.selftest(result.bundle, repeat=0).passed
    strict = {**options, "limits.box": 0.0001}
    with pytest.raises(ParityError, match="DISAGREES"):
        yolo_tl.export(weights, data, tmp_path / "c", overrides=strict)
    assert not (tmp_path / "c").exists()


@pytest.mark.slow
def test_openvino_in_eight_bits(learned, tmp_path):
    pytest.importorskip("nncf")
    data, weights = learned
    options = {"format": "openvino", "precision": "int8", "head": "raw", "quantisation.images": 4}
    options |= {f"limits.{name}": None for name in vars(GateLimits())}
    result = yolo_tl.export(weights, data, tmp_path / "b", overrides=options)
    assert "by NNCF" in result.notes[0]
    assert len(yolo_tl.Detector(result.bundle).names) == 3


def test_a_format_that_nothing_here_runs_is_marked(learned, tmp_path, monkeypatch):
    """No such converter is installed: what would be written is stood in for."""
    from yolo_tl.exporting import exporter
    from yolo_tl.exporting.formats import FORMATS

    data, weights = learned
    request = exporter.require_possible

    def possible(asked, machine=None):
        return FORMATS["mnn"] if asked.format == "mnn" else request(asked, machine)

    monkeypatch.setattr(exporter, "require_possible", possible)
    monkeypatch.setattr("yolo_tl.exporting.making.export_model", lambda module, target, **_: target.write_bytes(b"mnn"))
    result = yolo_tl.export(weights, data, tmp_path / "b", overrides={"format": "mnn", "head": "raw"})
    assert result.gate is None
    assert "runtime" in result.unverified
    manifest = json.loads((result.bundle / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["gate"] == {"passed": False, "unverified": result.unverified}
    assert manifest["format"] == "mnn"


def test_requests_that_cannot_work(learned, tmp_path):
    data, weights = learned
    with pytest.raises(ExportError, match="nothing to compare"):
        yolo_tl.export(weights, data, tmp_path / "x", overrides={"head": "nms", "confidence": 0.9999})
    with pytest.raises(ConfigError, match="head"):
        yolo_tl.export(weights, data, tmp_path / "x", overrides={"head": "both"})
    assert list(tmp_path.iterdir()) == []
