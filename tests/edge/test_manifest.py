"""Bundles whose manifest or files are not what they were."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import ONE, change_manifest, rehash, toy_bundle

from yolo_tl.edge import Detector
from yolo_tl.edge.artifact import open_artifact
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.manifest import Manifest, files_of
from yolo_tl.edge.network import RunOptions
from yolo_tl.errors import BundleError
from yolo_tl.files import sha256, write_json


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("made") / "bundle", thresholds=Thresholds(0.6, 0.4, 9))


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "bundle")


def test_a_bundle_brings_its_thresholds(bundle: Path, pictures: list[np.ndarray]) -> None:
    detector = Detector(bundle)
    assert (detector.confidence, detector.iou, detector.max_det) == (0.6, 0.4, 9)
    plain = Detector(bundle / "model.onnx")
    found, expected = detector(pictures[3]), plain(pictures[3], confidence=0.6, iou=0.4, max_det=9)
    assert 0 < len(found) <= 9
    np.testing.assert_array_equal(found.xyxy, expected.xyxy)
    assert len(plain(pictures[3])) > len(found)


def test_a_bundle_brings_thresholds_by_class(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    own = {"class 2": 0.9, "class 0": 0.3}
    thresholds = Thresholds(0.6, 0.4, 300, by_class=((0, 0.3), (2, 0.9)))
    bundle = toy_bundle(tmp_path / "bundle", golden=False, thresholds=thresholds, qualification={"verdict": "met"})
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


def test_version_1_is_still_read(bundle: Path, pictures: list[np.ndarray]) -> None:
    """As the first version of this package wrote it: one format, one precision, a gate called parity."""
    new = Detector(bundle)(pictures[3])
    shutil.rmtree(bundle / "golden")
    content = json.loads((bundle / "manifest.json").read_text())
    kept = {key: content[key] for key in content.keys() - {"precision", "arithmetic", "gate", "hardware"}}
    files = {"model.onnx": sha256(bundle / "model.onnx")}
    write_json(bundle / "manifest.json", {**kept, "schema": 1, "files": files, "parity": {"passed": True}})
    artifact = open_artifact(bundle, ONE)
    assert artifact.manifest is not None
    assert artifact.manifest.precision == "fp32"
    assert artifact.manifest.content["gate"] == {"passed": True}
    np.testing.assert_array_equal(Detector(bundle)(pictures[3]).xyxy, new.xyxy)


def test_the_arithmetic_of_the_bundle_is_forced(bundle: Path) -> None:
    change_manifest(bundle, lambda content: content.update(arithmetic="bf16"))
    manifest = Manifest.read(bundle)
    assert manifest.run_options(RunOptions(threads=3)) == RunOptions(threads=3, precision="bf16")
    assert manifest.run_options().precision == "bf16"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"schema": None}, r"schema: expected a version from 1 to 2, found null"),
        ({"schema": True}, r"schema: expected a version from 1 to 2, found true"),
        ({"schema": 0}, r"schema: expected a version from 1 to 2, found 0"),
        (
            {"schema": 3, "made_by": "yolo_tl 9.1"},
            r"schema 3 is newer than this yolo-tl reads \(up to 2\).*made by yolo_tl 9\.1\n.*install.*9\.1",
        ),
        ({"format": "ONNX"}, r"format: expected text like"),
        ({"preprocess": {"letterbox": 300, "colour": "RGB", "scale": "1/255"}}, r"preprocess\.letterbox: .* 255"),
        ({"preprocess": None}, r"preprocess: expected an object, found null"),
        ({"names": []}, r"names: expected at least 1 entries"),
        ({"names": ["a", "b", "a"]}, r"names: expected every entry once"),
        ({"names": ["class 0", "class 2", "class 1"]}, r"names: the manifest says"),
        ({"names": ["class 0", "class 1"]}, r"names: the manifest says"),
        ({"task": "segment"}, r"task: the manifest says segment"),
        ({"task": "pose"}, r"keypoints: expected a value, found nothing"),
        ({"head": "nms"}, r"head: the manifest says nms, model\.onnx says raw"),
        ({"thresholds": {"confidence": 7, "iou": 0.5, "max_det": 3}}, r"thresholds\.confidence: expected at most 1"),
        ({"thresholds": {"confidence": 0.5}}, r"thresholds\.iou: expected a value"),
        (
            {"thresholds": {"confidence": 0.5, "iou": 0.5, "max_det": 3, "classes": {"class 3": 0.5}}},
            r"thresholds\.classes: expected a threshold for names of class 0",
        ),
        ({"model": "../model.onnx"}, r"model: expected text like"),
        ({"model": "other.onnx"}, r"model: other\.onnx is not among the files"),
        ({"model": "golden/0"}, r"model: golden/0 is not among the files"),
        ({"files": {}}, r"files: expected at least 1 keys"),
        ({"files": {"../model.onnx": "0" * 64}}, r"files\.\.\./model\.onnx: expected text like"),
    ],
)
def test_a_manifest_that_does_not_fit(bundle: Path, entries: dict[str, Any], message: str) -> None:
    change_manifest(bundle, lambda content: content.update(entries))
    with pytest.raises(BundleError, match=f"(?s){message}"):
        Detector(bundle)


def test_input_of_another_size(bundle: Path) -> None:
    change_manifest(bundle, lambda content: content["input"].update(imgsz=[96, 96]))
    with pytest.raises(BundleError, match=r"input\.imgsz: the manifest says \(96, 96\), model\.onnx says \(64, 96\)"):
        Detector(bundle)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_threshold_that_is_no_number(bundle: Path, number: str) -> None:
    path = bundle / "manifest.json"
    path.write_text(path.read_text().replace('"confidence": 0.6', f'"confidence": {number}'))
    with pytest.raises(BundleError, match=r"is no number in JSON|thresholds\.confidence: expected at most 1"):
        Detector(bundle)


def test_one_changed_byte_in_any_file(bundle: Path) -> None:
    assert len(files_of(bundle)) == 6
    for name in files_of(bundle):
        path = bundle / name
        before = path.read_bytes()
        content = bytearray(before)
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(BundleError, match=f"changed: {name} "):
            Detector(bundle)
        path.write_bytes(before)
    Detector(bundle)


def test_a_missing_and_an_extra_file(bundle: Path) -> None:
    (bundle / "golden" / "00.png").rename(bundle / "golden" / "weights.bin")
    with pytest.raises(BundleError, match=r"missing: golden/00\.png "):
        Detector(bundle)
    (bundle / "golden" / "weights.bin").rename(bundle / "golden" / "00.png")
    (bundle / "golden" / "weights.bin").write_bytes(b"")
    with pytest.raises(BundleError, match=r"not in the manifest: golden/weights\.bin "):
        Detector(bundle)
    for number in range(9):
        (bundle / f"extra {number}").touch()
    with pytest.raises(BundleError, match=r"extra 0, extra 1, .* and 5 more"):
        Detector(bundle)
    rehash(bundle)
    Detector(bundle)


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "expected JSON"), ("[]", "JSON object"), ("\xff", "JSON"), ("[" * 100_000, "expected JSON")],
    ids=["cut off", "a list", "no text", "deep"],
)
def test_a_manifest_that_is_not_one(bundle: Path, content: str, message: str) -> None:
    (bundle / "manifest.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BundleError, match=message):
        Detector(bundle)


def test_a_folder_without_manifest(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json: expected the manifest of a bundle"):
        Detector(tmp_path)
