"""What is written is what a device reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.bundles import toy_bundle

from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.manifest import Manifest
from yolo_tl.edge.network import NetworkInfo
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.errors import BundleError
from yolo_tl.exporting.bundle import BundleFacts, CalibrationRecord, Source, seal_bundle
from yolo_tl.files import sha256

INFO = NetworkInfo("pose", ("a", "b"), "nms-free", (64, 96), stride=16, batch=2, keypoints=(5, 3))
FACTS = BundleFacts(
    format="openvino",
    model="model_openvino_model",
    info=INFO,
    source=Source("best.pt", "1" * 64, {"map50": 0.5}),
    versions={"yolo_tl": "1"},
    thresholds=Thresholds(0.3, 0.6, 50, by_class=((1, 0.4),)),
    preprocess=Preprocess(padding=0, colour="BGR"),
    precision="int8",
    arithmetic="bf16",
    gate={"passed": True},
    data={"fingerprint": "2" * 64},
    qualification={"verdict": "met"},
    calibration=CalibrationRecord("3" * 64, ["4" * 64]),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("model_openvino_model/model.xml", "model_openvino_model/model.bin", "golden/golden.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_everything_that_is_said_is_read_again(folder: Path) -> None:
    manifest = seal_bundle(folder, FACTS)
    again = Manifest.read(folder)
    assert again == manifest
    assert again.model == folder / "model_openvino_model"
    assert (again.task, again.names, again.head, again.keypoints) == ("pose", ("a", "b"), "nms-free", (5, 3))
    assert (again.imgsz, again.precision, again.arithmetic) == ((64, 96), "int8", "bf16")
    assert again.thresholds == FACTS.thresholds
    assert again.preprocess == FACTS.preprocess
    content = json.loads((folder / "manifest.json").read_text())
    assert content["schema"] == 2
    assert content["input"]["shape"] == [2, 3, 64, 96]
    assert content["files"]["model_openvino_model/model.bin"] == sha256(folder / "model_openvino_model/model.bin")
    assert len(content["files"]) == 3
    assert content["calibration"] == {"digest": "3" * 64, "images": ["4" * 64]}
    assert content["thresholds"]["classes"] == {"b": 0.4}
    assert content["hardware"]["cpu"]
    assert "AGPL" in content["licence"]


def test_what_is_free_and_what_is_not_known_is_not_made_up(folder: Path) -> None:
    info = replace(INFO, task="detect", keypoints=None, dynamic=True, batch=None)
    facts = BundleFacts("onnx", "model_openvino_model", info, Source("best.pt", "1" * 64), {})
    content = seal_bundle(folder, facts).content
    assert content["input"]["shape"] == [None, 3, None, None]
    assert not {"keypoints", "gate", "data", "qualification", "calibration"} & content.keys()
    assert content["source"]["metrics"] is None


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"info": replace(INFO, keypoints=None)}, "keypoints: expected a value"),
        ({"info": replace(INFO, names=("a", "a"))}, "names: expected every entry once"),
        ({"model": "model.onnx"}, "not among the files"),
        ({"source": Source("", "1" * 64)}, "source.checkpoint"),
        ({"gate": {"worst": float("nan")}}, "NaN is no number"),
        ({"precision": "int4"}, "precision: expected one of"),
    ],
    ids=str,
)
def test_what_no_device_would_read_is_not_sealed(folder: Path, facts: dict[str, object], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        seal_bundle(folder, replace(FACTS, **facts))  # type: ignore[arg-type]


def test_the_same_bundle_has_the_same_manifest(tmp_path: Path) -> None:
    one, other = (toy_bundle(tmp_path / name, golden=False) / "manifest.json" for name in "ab")
    assert one.read_bytes() == other.read_bytes()
