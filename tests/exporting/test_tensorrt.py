"""The builder, held by a recording fake of TensorRT. Not run on hardware."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.engines import give_gpu
from support.fake_cuda import Driver
from support.fake_tensorrt import Severity, make_tensorrt
from support.quantised_toy import quantised_toy
from support.toys import toy_network

from yolo_tl.edge.engine_file import read_engine
from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.edge.tensorrt import TensorRtNetwork
from yolo_tl.errors import ConfigError, ExportError, MissingExtra, RuntimeFailure, WriteError
from yolo_tl.exporting.engine_request import Profile
from yolo_tl.exporting.tensorrt import build_engine
from yolo_tl.files import sha256

TEN, ELEVEN = "10.13.3.9", "11.4.0.106"


def calls_of(trt: Any, *names: str) -> list[tuple[Any, ...]]:
    return [call for call in trt.calls if call[0] in names]


def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, *, onnx: Path | None = None, **options: Any):
    trt = make_tensorrt(version)
    give_gpu(monkeypatch, tensorrt=trt)
    source = onnx or toy_network(tmp_path / "model.onnx")
    return trt, build_engine(source, tmp_path / "model.engine", **options)


@pytest.mark.parametrize("version", [TEN, ELEVEN])
def test_the_order_of_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    trt, _ = built(monkeypatch, tmp_path, version, workspace_gib=2, timing_cache=tmp_path / "timing.cache")
    assert trt.calls == [
        ("Builder",),
        ("create_network", 0),
        ("parse_from_file", "float32"),
        ("create_builder_config",),
        ("set_memory_pool_limit", "WORKSPACE", 2 << 30),
        ("hardware_compatibility_level", "NONE"),
        ("clear_flag", "TF32"),
        ("create_timing_cache", b""),
        ("set_timing_cache", False),
        ("build_serialized_network",),
    ]


@pytest.mark.parametrize(
    ("version", "precision", "flags", "parsed"),
    [
        (TEN, "fp32", [("clear_flag", "TF32")], "float32"),
        (TEN, "fp16", [("set_flag", "FP16")], "float32"),
        (TEN, "int8", [("set_flag", "INT8")], "float32"),
        (ELEVEN, "fp32", [("clear_flag", "TF32")], "float32"),
        (ELEVEN, "fp16", [], "float16"),  # written into the file
        (ELEVEN, "int8", [], "float32"),
    ],
)
def test_two_ways_lead_to_a_precision(tmp_path, monkeypatch, version, precision, flags, parsed) -> None:
    onnx = tmp_path / "model.onnx"
    onnx = quantised_toy(onnx) if precision == "int8" else toy_network(onnx)
    before = sha256(onnx)
    trt, info = built(monkeypatch, tmp_path, version, onnx=onnx, precision=precision)
    assert calls_of(trt, "set_flag", "clear_flag") == flags
    assert calls_of(trt, "parse_from_file") == [("parse_from_file", parsed)]
    assert info.flags == tuple(name for kind, name in flags if kind == "set_flag")
    assert sha256(onnx) == before == info.source["sha256"]


def test_a_file_in_float16_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx = toy_network(tmp_path / "half.onnx", half=True)
    trt, _ = built(monkeypatch, tmp_path, ELEVEN, onnx=onnx, precision="fp16")
    assert calls_of(trt, "parse_from_file") == [("parse_from_file", "float16")]
    assert onnx.read_bytes() in (tmp_path / "model.engine").read_bytes()


@pytest.mark.parametrize(
    ("options", "flags", "level"),
    [
        ({"version_compatible": True}, ["VERSION_COMPATIBLE"], "NONE"),
        (
            {"version_compatible": True, "lean_runtime": False},
            ["VERSION_COMPATIBLE", "EXCLUDE_LEAN_RUNTIME"],
            "NONE",
        ),
        ({"hardware_compatibility": "ampere-plus"}, [], "AMPERE_PLUS"),
        ({"hardware_compatibility": "same-capability"}, [], "SAME_COMPUTE_CAPABILITY"),
    ],
)
@pytest.mark.parametrize("version", [TEN, ELEVEN])
def test_compatibility(tmp_path, monkeypatch, version, options, flags, level) -> None:
    trt, info = built(monkeypatch, tmp_path, version, **options)
    assert calls_of(trt, "set_flag") == [("set_flag", flag) for flag in flags]
    assert calls_of(trt, "hardware_compatibility_level") == [("hardware_compatibility_level", level)]
    assert info.version_compatible == ("version_compatible" in options)
    assert info.lean_runtime == (flags == ["VERSION_COMPATIBLE"])


def test_the_sidecar_says_how_the_plan_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, info = built(monkeypatch, tmp_path, ELEVEN, workspace_gib=1.5)
    said = json.loads((tmp_path / "model.engine.json").read_text(encoding="utf-8"))
    assert said["tensorrt"] == ELEVEN
    assert (said["gpu"], said["capability"]) == ("NVIDIA H200", [9, 0])
    assert said["sha256"] == sha256(tmp_path / "model.engine")
    assert said["source"] == {"file": "model.onnx", "sha256": sha256(tmp_path / "model.onnx")}
    assert said["metadata"]["names"] == {"0": "class 0", "1": "class 1", "2": "class 2"}
    assert said["build"]["workspace_gib"] == 1.5
    assert said["build"]["cuda"] == "13.0"
    assert said["outputs"] == ["output0"]
    assert read_engine(tmp_path / "model.engine").info == info


@pytest.mark.parametrize("dynamic", [False, True])
def test_what_was_built_runs_like_the_onnx_file(tmp_path: Path, monkeypatch, dynamic: bool) -> None:
    onnx = toy_network(tmp_path / "model.onnx", dynamic=dynamic, batch=2)
    trt, info = built(monkeypatch, tmp_path, ELEVEN, onnx=onnx)
    shapes = [[1, 3, 32, 32], [2, 3, 64, 96], [2, 3, 64, 96]]
    assert calls_of(trt, "add_optimization_profile") == ([("add_optimization_profile", shapes)] if dynamic else [])
    assert list(info.profiles) == (
        [{"images": dict(zip(("min", "opt", "max"), shapes, strict=True))}] if dynamic else []
    )
    tensor = np.random.default_rng(0).random((3, 3, 64, 96), dtype=np.float32)
    with TensorRtNetwork(tmp_path / "model.engine") as network:
        np.testing.assert_array_equal(network.run(tensor)[0], OnnxNetwork(onnx).run(tensor)[0])


def test_a_profile_that_tensorrt_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Profile((1, 3, 32, 32), (1, 3, 64, 64), (1000, 3, 64, 64))
    with pytest.raises(ExportError, match="TensorRT refuses the profile"):
        built(monkeypatch, tmp_path, TEN, onnx=toy_network(tmp_path / "free.onnx", dynamic=True), profiles=[wide])


def test_timings_are_kept_and_used_by_the_next_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "timing.cache"
    _, first = built(monkeypatch, tmp_path, TEN, timing_cache=cache)
    assert cache.read_bytes() == b" timed"
    trt, second = built(monkeypatch, tmp_path, TEN, timing_cache=cache)
    assert calls_of(trt, "create_timing_cache") == [("create_timing_cache", b" timed")]
    assert cache.read_bytes() == b" timed timed"
    assert (first.build["timing_cache"], second.build["timing_cache"]) == ("new", "used")
    assert built(monkeypatch, tmp_path, TEN)[1].build["timing_cache"] is None


@pytest.mark.parametrize("content", [b"of another GPU", b"no cache"])
def test_timings_that_do_not_fit_are_replaced(tmp_path: Path, monkeypatch, content: bytes) -> None:
    cache = tmp_path / "timing.cache"
    cache.write_bytes(content)
    trt = make_tensorrt(TEN, fits=lambda _: False)
    give_gpu(monkeypatch, tensorrt=trt)
    info = build_engine(toy_network(tmp_path / "model.onnx"), tmp_path / "model.engine", timing_cache=cache)
    assert info.build["timing_cache"] == "replaced"
    assert cache.read_bytes() == b" timed"
    assert ("set_timing_cache", True) not in trt.calls  # timings of another machine are never taken


def test_the_accelerator_of_a_jetson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = make_tensorrt("10.3.0", dla_cores=2)
    give_gpu(monkeypatch, driver=Driver(name="Orin", capability=(8, 7)), tensorrt=trt)
    onnx = toy_network(tmp_path / "model.onnx")
    info = build_engine(onnx, tmp_path / "model.engine", precision="fp16", dla=1)
    wanted = ("default_device_type", "DLA_core", "set_flag")
    assert calls_of(trt, *wanted) == [
        ("default_device_type", "DLA"),
        ("DLA_core", 1),
        ("set_flag", "FP16"),
        ("set_flag", "GPU_FALLBACK"),
    ]
    assert info.dla == 1
    trt.calls.clear()
    TensorRtNetwork(tmp_path / "model.engine").close()
    assert trt.calls == [("Runtime",), ("DLA_core", 1), ("deserialize_cuda_engine",)]
    with pytest.raises(ConfigError, match="dla: this device has 2 cores, found core 2"):
        build_engine(onnx, tmp_path / "model.engine", precision="fp16", dla=2)


def test_no_accelerator_with_tensorrt_11(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"dla: no plans for a DLA are built with TensorRT 11\.4\.0\.106"):
        built(monkeypatch, tmp_path, ELEVEN, precision="fp16", dla=0)


def test_all_that_the_parser_objects_to_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = make_tensorrt(TEN, parser_errors=["In node 3 (importFoo): UNSUPPORTED_NODE", "In node 9: INVALID_NODE"])
    give_gpu(monkeypatch, tensorrt=trt)
    with pytest.raises(ExportError, match=r"model\.onnx: TensorRT 10\.13\.3\.9 cannot read the file:\n  In node 3"):
        build_engine(toy_network(tmp_path / "model.onnx"), tmp_path / "model.engine")
    assert calls_of(trt, "build_serialized_network") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx"]


NODE = (Severity.ERROR, "Error Code 10: Internal Error (Could not find any implementation for node /model.0/conv.)")


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ([(Severity.ERROR, "OutOfMemory Error in computeCosts: 0")], "no space for the workspace .*1 GiB of NVIDIA"),
        ([(Severity.ERROR, "Cuda Error in allocate: 2 (out of memory)")], "no space for the workspace"),
        (
            [(Severity.WARNING, "Skipping tactic 0 due to insuficient memory on requested size of 29147520"), NODE],
            "no space for the workspace .*\n  Error Code 10",
        ),
        ([(Severity.INFO, "Some tactics do not have sufficient workspace memory to run."), NODE], "no space for"),
        ([NODE], "cannot build a plan:\n  Error Code 10"),
        (
            [
                (Severity.INFO, "Some tactics do not have sufficient workspace memory to run."),
                (Severity.ERROR, "Assertion failed"),
            ],
            "cannot build a plan:\n  Assertion failed",
        ),
        ([], "cannot build a plan: it does not say why"),
    ],
)
def test_a_build_that_fails_says_why(tmp_path: Path, monkeypatch, says: Any, message: str) -> None:
    give_gpu(monkeypatch, tensorrt=make_tensorrt(TEN, says=says, builds=False))
    onnx, log = toy_network(tmp_path / "model.onnx"), tmp_path / "build.log"
    with pytest.raises(ExportError, match=message):
        build_engine(onnx, tmp_path / "model.engine", workspace_gib=1, log=log, timing_cache=tmp_path / "cache")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build.log", "model.onnx"]
    assert log.read_text(encoding="utf-8") == "".join(f"{severity.name}: {text}\n" for severity, text in says)


def test_an_interrupted_build_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built(monkeypatch, tmp_path, TEN)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def interrupt() -> None:
        raise KeyboardInterrupt

    give_gpu(monkeypatch, tensorrt=make_tensorrt(TEN, during=interrupt))
    with pytest.raises(KeyboardInterrupt):
        build_engine(
            tmp_path / "model.onnx",
            tmp_path / "model.engine",
            log=tmp_path / "build.log",
            timing_cache=tmp_path / "timing.cache",
        )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_plan_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_gpu(monkeypatch, tensorrt=make_tensorrt(TEN))
    onnx = toy_network(tmp_path / "model.onnx")
    with pytest.raises(WriteError, match="could not be written"):
        build_engine(onnx, onnx / "model.engine")


def test_the_messages_of_a_build_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = make_tensorrt(TEN, says=[(Severity.INFO, "Engine generation completed"), (Severity.WARNING, "ä")])
    give_gpu(monkeypatch, tensorrt=trt)
    log = tmp_path / "build.log"
    build_engine(toy_network(tmp_path / "model.onnx"), tmp_path / "model.engine", log=log)
    assert log.read_text(encoding="utf-8") == "INFO: Engine generation completed\nWARNING: ä\n"


@pytest.mark.parametrize("version", ["8.6.1", "9.3.0", "10.2.0", "10.2.0.19", "12.0.0"])
def test_versions_that_are_not_built_with(tmp_path: Path, monkeypatch, version: str) -> None:
    with pytest.raises(ExportError, match=rf"expected TensorRT 10 \(but not 10\.2\.0\) or 11, found {version}"):
        built(monkeypatch, tmp_path, version)


def test_what_is_refused_before_anything_of_nvidia_is_touched(tmp_path: Path, monkeypatch) -> None:
    driver = Driver(failing={"cuInit": 100})
    give_gpu(monkeypatch, driver=driver, tensorrt=make_tensorrt(TEN))
    onnx = toy_network(tmp_path / "model.onnx")
    with pytest.raises(ConfigError, match="expected a quantised file"):
        build_engine(onnx, tmp_path / "model.engine", precision="int8")
    with pytest.raises(RuntimeFailure, match="expected a working NVIDIA driver"):
        build_engine(onnx, tmp_path / "model.engine")


def test_without_a_driver_tensorrt_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = make_tensorrt(TEN)
    give_gpu(monkeypatch, driver=Driver(failing={"cuInit": 100}), tensorrt=trt)
    with pytest.raises(RuntimeFailure):
        build_engine(toy_network(tmp_path / "model.onnx"), tmp_path / "model.engine")
    assert trt.calls == []


def test_the_lean_runtime_builds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_gpu(monkeypatch, tensorrt_lean=make_tensorrt(lean=True))
    with pytest.raises(MissingExtra, match=r"TensorRT with its builder .*\n.*JetPack"):
        build_engine(toy_network(tmp_path / "model.onnx"), tmp_path / "model.engine")
