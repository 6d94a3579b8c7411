from __future__ import annotations

from pathlib import Path

import pytest
from support.quantised_toy import quantised_toy
from support.toys import toy_network

from yolo_tl.edge.cuda import Gpu
from yolo_tl.errors import ConfigError
from yolo_tl.exporting import engine_request
from yolo_tl.exporting.engine_request import EngineRequest, Profile
from yolo_tl.exporting.onnx_graph import OnnxGraph

GPU = Gpu("NVIDIA T4", (7, 5), 16 << 30, (12, 4))
FIXED = Profile((1, 3, 64, 96), (1, 3, 64, 96), (1, 3, 64, 96))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "bf16"}, "precision: expected fp32, fp16, int8, found bf16"),
        ({"hardware_compatibility": "all"}, "hardware_compatibility: expected none, same-capability, ampere-plus"),
        ({"lean_runtime": False}, "only a version-compatible plan"),
        ({"dla": 0}, "dla: needs precision fp16 or int8"),
    ],
)
def test_options_that_mean_nothing(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EngineRequest(**options)


@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 3, 64, 64), (1, 3, 64, 64), (4, 3, 64, 64)),
        ((1, 3, 64, 64), (4, 3, 64, 64), (2, 3, 64, 64)),
        ((0, 3, 64, 64), (1, 3, 64, 64), (2, 3, 64, 64)),
        ((1, 3, 64), (1, 3, 64), (1, 3, 64)),
        ((1, 3, 64, 64), (1, 3, 64), (1, 3, 64, 64)),
    ],
)
def test_profiles_that_are_none(shapes) -> None:
    with pytest.raises(ConfigError, match="profile: expected smallest ≤ usual ≤ largest"):
        Profile(*shapes)


@pytest.mark.parametrize(
    ("precision", "zero", "message"),
    [
        ("int8", None, "precision int8: expected a quantised file, found one without QuantizeLinear"),
        ("fp32", "signed", "precision fp32: expected a file in float, found a quantised one"),
        ("fp16", "signed", "precision fp16: expected a file in float, found a quantised one"),
        ("int8", "unsigned", "expected 8 bit signed around zero, found q: uint8 and 1 more"),
        ("int8", "none", "expected 8 bit signed around zero, found q: no zero point, so uint8"),
    ],
)
def test_files_of_another_precision(tmp_path: Path, precision: str, zero: str | None, message: str) -> None:
    path = tmp_path / "toy.onnx"
    graph = OnnxGraph.read(toy_network(path) if zero is None else quantised_toy(path, zero))
    with pytest.raises(ConfigError, match=message):
        EngineRequest(precision).require_file(graph)


def test_a_half_precision_file_is_not_fp32(tmp_path: Path) -> None:
    graph = OnnxGraph.read(toy_network(tmp_path / "toy.onnx", half=True))
    EngineRequest("fp16").require_file(graph)
    with pytest.raises(ConfigError, match="expected weights in float32, found float16"):
        EngineRequest("fp32").require_file(graph)


def test_profiles_must_fit_the_file(tmp_path: Path) -> None:
    fixed = OnnxGraph.read(toy_network(tmp_path / "fixed.onnx"))
    EngineRequest(profiles=(FIXED,)).require_file(fixed)
    with pytest.raises(ConfigError, match=r"images \[1, 3, 64, 96\] in fixed\.onnx, found \[2, 3, 64, 96\]"):
        EngineRequest(profiles=(Profile((1, 3, 64, 96), (1, 3, 64, 96), (2, 3, 64, 96)),)).require_file(fixed)


def test_a_file_with_free_sizes_gets_the_profile_of_letterboxing(tmp_path: Path) -> None:
    free = OnnxGraph.read(toy_network(tmp_path / "free.onnx", dynamic=True, batch=4, imgsz=(64, 96)))
    assert EngineRequest().profiles_of(free) == (Profile((1, 3, 32, 32), (4, 3, 64, 96), (4, 3, 64, 96)),)
    assert EngineRequest(profiles=(FIXED,)).profiles_of(free) == (FIXED,)
    assert EngineRequest().profiles_of(OnnxGraph.read(toy_network(tmp_path / "fixed.onnx"))) == ()
    silent = OnnxGraph.read(toy_network(tmp_path / "silent.onnx", dynamic=True, drop=("imgsz",)))
    with pytest.raises(ConfigError, match="expected profiles, as sizes are free"):
        EngineRequest().profiles_of(silent)


@pytest.mark.parametrize("gib", [0, -1, 16.5, float("nan")])
def test_a_workspace_that_the_gpu_does_not_have(gib: float) -> None:
    EngineRequest(workspace_gib=16).require_gpu(GPU)
    with pytest.raises(ConfigError, match=r"workspace: .* at most 16\.0 GiB, all that NVIDIA T4 has"):
        EngineRequest(workspace_gib=gib).require_gpu(GPU)


def test_compatibility_that_the_gpu_cannot_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    EngineRequest(hardware_compatibility="same-capability").require_gpu(GPU)
    with pytest.raises(ConfigError, match=r"ampere-plus needs compute capability 8\.0, NVIDIA T4 has 7\.5"):
        EngineRequest(hardware_compatibility="ampere-plus").require_gpu(GPU)
    (tmp_path / "nv_tegra_release").touch()
    monkeypatch.setattr(engine_request, "_JETPACK", tmp_path / "nv_tegra_release")
    EngineRequest().require_gpu(GPU)
    with pytest.raises(ConfigError, match="there is no same-capability on JetPack"):
        EngineRequest(hardware_compatibility="same-capability").require_gpu(GPU)
