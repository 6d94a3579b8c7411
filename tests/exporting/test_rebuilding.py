"""A plan from the bundle of an ONNX file, by a recording fake of TensorRT. Not run on hardware."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.bundles import toy_bundle
from support.engines import give_gpu
from support.fake_tensorrt import make_tensorrt

import yolo_tl
from yolo_tl.errors import ExportError, ParityError, UsageError
from yolo_tl.files import sha256

ENGINE = {"format": "engine", "confidence": 0.1}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    trt = make_tensorrt("11.4.0.106")
    give_gpu(monkeypatch, tensorrt=trt)
    return trt


@pytest.fixture(scope="module")
def bundle(learned: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("onnx") / "bundle"
    yolo_tl.export(learned[1], learned[0], out, overrides={"head": "raw", "confidence": 0.1})
    return out


@pytest.mark.parametrize("zipped", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_plan_of_a_bundle_is_a_bundle(
    gpu: Any, bundle: Path, learned: tuple[Path, Path], tmp_path: Path, zipped: bool
) -> None:
    source = bundle
    if zipped:
        from yolo_tl.api.bundles import pack_bundle

        source = pack_bundle(bundle, tmp_path / "bundle.zip")
    asked = {**ENGINE, "tensorrt.workspace": 2.0, "tensorrt.version_compatible": True}
    result = yolo_tl.export(source, learned[0], tmp_path / "plan", overrides=asked)
    assert result.gate.passed
    assert ("set_memory_pool_limit", "WORKSPACE", 2 << 30) in gpu.calls
    before, after = (json.loads((folder / "manifest.json").read_text()) for folder in (bundle, tmp_path / "plan"))
    assert (after["format"], after["model"]) == ("engine", "model.engine")
    assert after["files"]["model.onnx"] == before["files"]["model.onnx"]
    assert {"model.engine", "model.engine.json"} <= after["files"].keys()
    for kept in ("source", "names", "thresholds", "preprocess", "data", "licence"):
        assert after[kept] == before[kept]
    assert yolo_tl.selftest(tmp_path / "plan", repeat=0).passed
    again = yolo_tl.export(tmp_path / "plan", learned[0], tmp_path / "again", overrides=ENGINE)
    assert again.gate.passed, "a plan for another GPU is built anew from its bundle"


@pytest.mark.slow
def test_a_checkpoint_becomes_a_plan(gpu: Any, learned: tuple[Path, Path], tmp_path: Path) -> None:
    result = yolo_tl.export(learned[1], learned[0], tmp_path / "b", overrides={**ENGINE, "head": "raw"})
    assert result.gate.passed
    sidecar = json.loads((tmp_path / "b" / "model.engine.json").read_text())
    assert sidecar["source"]["sha256"] == sha256(tmp_path / "b" / "model.onnx")


def test_what_cannot_be_rebuilt(gpu: Any, bundle: Path, learned: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="only a TensorRT plan is built from a bundle, found format onnx"):
        yolo_tl.export(bundle, learned[0], tmp_path / "b")
    with pytest.raises(UsageError, match="brings its own thresholds"):
        yolo_tl.export(bundle, learned[0], tmp_path / "b", overrides=ENGINE, dry_run=True)
    other = toy_bundle(tmp_path / "other")
    (other / "model.onnx").unlink(missing_ok=True)
    with pytest.raises(yolo_tl.YoloTLError, match=r"model\.onnx"):
        yolo_tl.export(other, learned[0], tmp_path / "b", overrides=ENGINE)
    assert not (tmp_path / "b").exists()


def test_a_plan_that_disagrees_makes_no_bundle(
    gpu: Any, bundle: Path, learned: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yolo_tl.edge.tensorrt import TensorRtNetwork

    run = TensorRtNetwork.run
    monkeypatch.setattr(TensorRtNetwork, "run", lambda self, tensor: tuple(o * 1.01 for o in run(self, tensor)))
    with pytest.raises(ParityError, match="the plan DISAGREES with model.onnx of the bundle"):
        yolo_tl.export(bundle, learned[0], tmp_path / "b", overrides=ENGINE)
    assert [path.name for path in tmp_path.iterdir()] == ["b-refused"]
