from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.edge.cuda import Gpu
from yolo_tl.edge.engine_info import EngineInfo, platform_name
from yolo_tl.errors import BundleError

PATH = Path("model.engine")
GPU = Gpu("NVIDIA H200", (9, 0), 139 << 30, (13, 0))
INFO = EngineInfo(
    tensorrt="11.4.0.106",
    metadata={"task": "detect", "names": {0: "crack"}},
    sha256="0" * 64,
    platform=platform_name(),
    gpu=GPU.name,
    capability=GPU.capability,
    precision="fp16",
    flags=("VERSION_COMPATIBLE",),
    profiles=[{"images": {"min": [1, 3, 32, 32], "opt": [1, 3, 64, 64], "max": [4, 3, 64, 64]}}],
    outputs=("output0",),
    source={"file": "model.onnx", "sha256": "12ab34cd56ef78" + "0" * 50},
    build={"seconds": 1.5},
)
COMPATIBLE = replace(INFO, version_compatible=True, lean_runtime=True)


def test_a_sidecar_says_what_was_written() -> None:
    assert EngineInfo.from_json(INFO.to_json(), path=PATH) == INFO
    assert EngineInfo.from_json({"schema": 1, "tensorrt": None, "metadata": {}}, path=PATH) == EngineInfo(None, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "with schema 1, found 2"),
        ({"tensorrt": 11}, "tensorrt: expected text or null, found 11"),
        ({"metadata": []}, "metadata: expected an object"),
        ({"capability": [9]}, "capability: expected two numbers or null"),
        ({"capability": "90"}, "capability: expected two numbers or null"),
        ({"version_compatible": "yes"}, "version_compatible: expected true or false"),
        ({"hardware_compatibility": "all"}, "expected none or same-capability or ampere-plus, found 'all'"),
        ({"flags": [1]}, "flags: expected a list of texts"),
        ({"profiles": [[]]}, "profiles: expected a list of objects"),
        ({"dla": True}, "dla: expected a number or null"),
    ],
)
def test_a_sidecar_with_other_values(change: dict[str, object], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        EngineInfo.from_json({**INFO.to_json(), **change}, path=PATH)


@pytest.mark.parametrize("content", [None, [], {}, {"schema": 1}, {"schema": 1, "tensorrt": "11"}])
def test_what_is_no_sidecar(content: object) -> None:
    with pytest.raises(BundleError, match=r"model\.engine: expected"):
        EngineInfo.from_json(content, path=PATH)


def require(info: EngineInfo, *, tensorrt: str = "11.4.0.106", lean: bool = False, gpu: Gpu = GPU) -> None:
    info.require_here(path=PATH, tensorrt=tensorrt, lean=lean, gpu=gpu)


@pytest.mark.parametrize(
    ("info", "tensorrt", "lean"),
    [
        (INFO, "11.4.0.106", False),
        (INFO, "11.4.0", False),  # JetPack and some wheels leave out the build
        (replace(INFO, tensorrt="10.3.0"), "10.3.0.30", False),
        (COMPATIBLE, "11.4.0.106", True),
        (COMPATIBLE, "11.4.1.2", True),
        (COMPATIBLE, "11.10.0", False),  # 10 is more than 4
        (replace(COMPATIBLE, tensorrt="10.3.0"), "11.4.0", True),
        (replace(COMPATIBLE, tensorrt="8.6.1"), "10.3.0", False),
        (replace(COMPATIBLE, lean_runtime=False), "11.4.0.106", True),
        (replace(INFO, tensorrt=None), "9.9", True),  # what is not known is left to TensorRT
    ],
)
def test_versions_that_run_a_plan(info: EngineInfo, tensorrt: str, lean: bool) -> None:
    require(info, tensorrt=tensorrt, lean=lean)


@pytest.mark.parametrize(
    ("info", "tensorrt", "lean", "message"),
    [
        (
            INFO,
            "11.4.0.107",
            False,
            r"expected TensorRT 11\.4\.0\.106, which built the plan, found TensorRT 11\.4\.0\.1",
        ),
        (INFO, "11.5.0", False, "which built the plan"),
        (INFO, "11.4.0.106", True, "expected a version-compatible plan, as only the lean runtime"),
        (COMPATIBLE, "11.3.0", True, "or a later one"),
        (COMPATIBLE, "12.0.0", False, "or a later one"),
        (COMPATIBLE, "10.13.0", False, "or a later one"),
        (replace(COMPATIBLE, tensorrt="8.6.1"), "11.4.0", False, "or a later one"),
        (replace(COMPATIBLE, lean_runtime=False), "11.5.0", True, "does not bring its runtime"),
    ],
)
def test_versions_that_do_not(info: EngineInfo, tensorrt: str, lean: bool, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        require(info, tensorrt=tensorrt, lean=lean)
    assert "yolo-tl export --format engine (model.onnx, SHA-256 12ab34cd56ef…)" in caught.value.hint


@pytest.mark.parametrize(
    ("level", "gpu", "runs"),
    [
        ("none", GPU, True),
        ("none", replace(GPU, name="NVIDIA H100"), False),  # as TensorRT warns of other models of one capability
        ("none", replace(GPU, capability=(8, 9)), False),
        ("same-capability", replace(GPU, name="NVIDIA H100"), True),
        ("same-capability", replace(GPU, capability=(8, 9)), False),
        ("ampere-plus", replace(GPU, name="A2", capability=(8, 6)), True),
        ("ampere-plus", replace(GPU, name="T4", capability=(7, 5)), False),
    ],
)
def test_gpus(level: str, gpu: Gpu, runs: bool) -> None:
    info = replace(INFO, hardware_compatibility=level)
    if runs:
        require(info, gpu=gpu)
        return
    with pytest.raises(BundleError, match=rf"{gpu.name} \(compute capability {gpu.capability[0]}\.{gpu.capability[1]}"):
        require(info, gpu=gpu)


def test_a_plan_for_another_platform() -> None:
    with pytest.raises(BundleError, match=rf"expected a plan for {platform_name()}, found one for windows-riscv"):
        require(replace(INFO, platform="windows-riscv"))


@given(built=st.tuples(*[st.integers(8, 12)] * 2), here=st.tuples(*[st.integers(8, 12)] * 2))
def test_a_compatible_plan_never_runs_where_it_is_too_new(built: tuple[int, int], here: tuple[int, int]) -> None:
    info = replace(COMPATIBLE, tensorrt=f"{built[0]}.{built[1]}.0.1")
    try:
        require(info, tensorrt=f"{here[0]}.{here[1]}.0.1")
    except BundleError:
        assert built > here or built[0] != here[0]
    else:
        assert built <= here
        assert here[0] - built[0] in (0, 1, 2)
