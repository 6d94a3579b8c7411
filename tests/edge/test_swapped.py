"""A bundle that is replaced or written over while its model runs: the model goes on as it was verified, or says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import ONE, toy_bundle
from support.networks import exported
from support.toys import toy_network

from yolo_tl.edge import Detector, Frame, artifact
from yolo_tl.edge.artifact import open_artifact, open_network
from yolo_tl.edge.golden import check_golden, golden_images
from yolo_tl.errors import BundleError
from yolo_tl.files import sha256, write_json

PICTURE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two bundles with other weights."""
    folder = tmp_path_factory.mktemp("made")
    return toy_bundle(folder / "one"), toy_bundle(folder / "two", seed=1)


def replaced(bundle: Path, other: Path) -> None:
    bundle.rename(bundle.with_name("old"))
    shutil.copytree(other, bundle)


def written_over(bundle: Path, other: Path) -> None:
    for file in other.rglob("*"):
        if file.is_file():
            (bundle / file.relative_to(other)).write_bytes(file.read_bytes())
    for file in (bundle / "golden").iterdir():
        if not (other / "golden" / file.name).exists():
            file.unlink()


def emptied(bundle: Path, other: Path) -> None:
    for file in bundle.rglob("*"):
        if file.is_file():
            file.write_bytes(b"")


def gone(bundle: Path, other: Path) -> None:
    shutil.rmtree(bundle)


def seen(detector: Detector) -> dict[str, Any]:
    told = detector.observe(Frame(PICTURE, "camera", 0, captured=1.0)).to_dict()
    return {key: told[key] for key in ("detections", "model", "saturated")}


@pytest.mark.parametrize("swap", [replaced, written_over, emptied, gone])
def test_an_open_model_goes_on_as_it_was_verified(
    made: tuple[Path, Path], tmp_path: Path, swap: Callable[[Path, Path], None]
) -> None:
    bundle = Path(shutil.copytree(made[0], tmp_path / "bundle"))
    digest = sha256(bundle / "manifest.json")
    detector, reference = Detector(bundle, threads=1), seen(Detector(made[0], threads=1))
    swap(bundle, made[1])
    assert seen(detector) == reference
    assert detector.sha256 == digest == reference["model"]
    assert reference["detections"]
    with pytest.raises(BundleError) as caught:  # its golden set is gone, too: it is not judged by another's
        check_golden(detector.artifact)
    assert "golden" in caught.value.message
    if swap in (replaced, written_over):
        assert "changed since the bundle was opened" in caught.value.message
        with pytest.raises(BundleError, match="changed since the bundle was opened"):
            golden_images(detector.artifact)
        assert seen(Detector(bundle, threads=1)) != reference


@pytest.mark.parametrize("swap", [replaced, written_over])
def test_a_bundle_that_is_swapped_while_it_is_opened_is_refused(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swap: Callable[[Path, Path], None]
) -> None:
    """Between its check and the reading of its model."""
    bundle = Path(shutil.copytree(made[0], tmp_path / "bundle"))

    def late(*given: Any) -> Any:
        swap(bundle, made[1])
        return open_network(*given)

    monkeypatch.setattr(artifact, "open_network", late)
    with pytest.raises(BundleError, match="changed while it was being opened"):
        open_artifact(bundle, ONE)


def test_a_file_that_is_swapped_while_it_is_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toy_network(tmp_path / "toy.onnx")

    def early(*given: Any) -> Any:
        network = open_network(*given)
        toy_network(path, seed=1)
        return network

    monkeypatch.setattr(artifact, "open_network", early)
    with pytest.raises(BundleError, match="changed while it was being opened"):
        open_artifact(path, ONE)


def onnx_file(folder: Path) -> Path:
    return toy_network(folder / "toy.onnx")


def openvino_folder(folder: Path) -> Path:
    openvino, onnx = pytest.importorskip("openvino"), pytest.importorskip("onnx")
    source = toy_network(folder / "toy.onnx")
    target = folder / "toy_openvino_model"
    target.mkdir()
    openvino.save_model(openvino.Core().read_model(source), target / "toy.xml", compress_to_fp16=False)
    properties = {entry.key: entry.value for entry in onnx.load(source).metadata_props}
    write_json(target / "metadata.yaml", properties)  # which is YAML, too
    return target


def litert_file(folder: Path) -> Path:
    pytest.importorskip("ai_edge_litert")
    return Path(shutil.copyfile(exported("detect", "litert"), folder / "toy.tflite"))


@pytest.mark.parametrize("make", [onnx_file, openvino_folder, litert_file])
def test_an_engine_does_not_go_on_reading_its_files(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    network = open_network(path, ONE)
    tensor = np.random.default_rng(0).random((1, 3, *network.info.imgsz), dtype=np.float32)
    expected = [output.copy() for output in network.run(tensor)]
    for file in [path] if path.is_file() else path.iterdir():
        size = file.stat().st_size
        with file.open("r+b") as stream:  # in place, so that a map of the file would show it
            stream.write(bytes(size))
            stream.truncate(size // 2)
    for ours, before in zip(network.run(tensor), expected, strict=True):
        np.testing.assert_array_equal(ours, before)
