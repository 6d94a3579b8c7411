"""The run-time, held by a fake TensorRT that runs the plan's ONNX in ONNX Runtime. Not run on hardware."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from support.engines import engine_of, give_gpu
from support.fake_cuda import CudaRuntime, Driver
from support.fake_tensorrt import IExecutionContext, Severity, make_tensorrt

from yolo_tl.edge import Detector
from yolo_tl.edge.artifact import open_network
from yolo_tl.edge.engine_file import wrap
from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.edge.tensorrt import TensorRtNetwork
from yolo_tl.errors import BundleError, MissingExtra, RuntimeFailure

RNG = np.random.default_rng(3)
DYNAMIC = [[[1, 3, 32, 32], [1, 3, 64, 96], [2, 3, 64, 96]]]


def images(count: int, height: int = 64, width: int = 96) -> np.ndarray:
    return RNG.random((count, 3, height, width), dtype=np.float32)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_it_runs_as_onnx_runtime_does(toy, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    path, tensor = toy(batch=2), images(count)
    runtime = give_gpu(monkeypatch)
    with TensorRtNetwork(engine_of(path)) as network:
        assert network.info == OnnxNetwork(path).info
        (found,) = network.run(tensor)
        (again,) = network.run(tensor[::-1])
    np.testing.assert_array_equal(found, OnnxNetwork(path).run(tensor)[0])
    np.testing.assert_array_equal(again, found[::-1])
    assert runtime.held == {}


def test_free_sizes_within_the_profile(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toy(dynamic=True)
    give_gpu(monkeypatch)
    network = TensorRtNetwork(engine_of(path, profiles=DYNAMIC))
    reference = OnnxNetwork(path)
    assert network.info == reference.info
    for tensor in (images(1), images(3, 32, 64), images(2, 64, 32), images(1)):
        np.testing.assert_array_equal(network.run(tensor)[0], reference.run(tensor)[0])
    for tensor in (images(1, 96, 96), images(1, 64, 16)):
        with pytest.raises(BundleError, match=r"shape \[1, 3, 32, 32\] to \[2, 3, 64, 96\], found \[1, 3, "):
            network.run(tensor)
    np.testing.assert_array_equal(network.run(tensor := images(2))[0], reference.run(tensor)[0])
    network.close()


def test_a_fixed_plan_takes_no_other_size(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    give_gpu(monkeypatch)
    with TensorRtNetwork(engine_of(toy())) as network, pytest.raises(BundleError, match=r"\[1, 3, 64, 96\], found"):
        network.run(images(1, 64, 64))


def test_half_precision_inputs_and_outputs(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    path, tensor = toy(half=True), images(2)
    give_gpu(monkeypatch)
    with TensorRtNetwork(engine_of(path)) as network:
        (found,) = network.run(tensor)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, OnnxNetwork(path).run(tensor)[0])


def with_prototypes(path: Path) -> Path:
    """The toy as a network for segmentation, with a second output of another shape."""
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("Slice", ["features", "zero", "three", "one"], ["output1"]))
    for name, value in (("zero", 0), ("three", 3), ("one", 1)):
        model.graph.initializer.append(helper.make_tensor(name, onnx.TensorProto.INT64, [1], [value]))
    model.graph.output.append(helper.make_tensor_value_info("output1", onnx.TensorProto.FLOAT, [1, 3, 2, 3]))
    next(entry for entry in model.metadata_props if entry.key == "task").value = "segment"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("outputs", [("output0", "output1"), ()])
def test_outputs_come_in_the_order_of_the_onnx_file(toy, monkeypatch: pytest.MonkeyPatch, outputs: Any) -> None:
    path = with_prototypes(toy())
    give_gpu(monkeypatch, tensorrt=make_tensorrt(backwards=True))
    with TensorRtNetwork(engine_of(path, outputs=outputs)) as network:
        found = network.run(tensor := images(1))
    for mine, theirs in zip(found, OnnxNetwork(path).run(tensor), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_order_of_calls(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = make_tensorrt()
    runtime = give_gpu(monkeypatch, tensorrt=trt)
    network = TensorRtNetwork(engine_of(toy()))
    assert trt.calls == [("Runtime",), ("deserialize_cuda_engine",)]
    runtime.calls.clear()
    network.run(images(1))
    assert runtime.calls == ["cudaMemcpyHostToDevice", "cudaMemcpyDeviceToHost", "cudaStreamSynchronize"]
    network.close()


def test_results_stay_as_they_are_when_the_network_runs_again(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    give_gpu(monkeypatch)
    with TensorRtNetwork(engine_of(toy())) as network:
        (first,) = network.run(images(1))
        before = first.copy()
        network.run(images(1))
    np.testing.assert_array_equal(first, before)


@pytest.mark.parametrize("name", ["tensorrt_lean", "tensorrt_lean_bindings"])
def test_the_lean_runtime_runs_compatible_plans_only(toy, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path, tensor = toy(), images(1)
    trt = make_tensorrt("11.5.0", lean=True)
    give_gpu(monkeypatch, **{name: trt})
    with TensorRtNetwork(engine_of(path, version_compatible=True, lean_runtime=True)) as network:
        np.testing.assert_array_equal(network.run(tensor)[0], OnnxNetwork(path).run(tensor)[0])
    assert trt.calls == [("Runtime",), ("engine_host_code_allowed", True), ("deserialize_cuda_engine",)]
    trt.calls.clear()
    with pytest.raises(BundleError, match="expected TensorRT"):
        TensorRtNetwork(engine_of(path))
    assert trt.calls == []


def test_host_code_is_allowed_only_to_plans_that_bring_it(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = make_tensorrt(lean=True)
    give_gpu(monkeypatch, tensorrt_lean=trt)
    TensorRtNetwork(engine_of(toy(), version_compatible=True, lean_runtime=False)).close()
    assert trt.calls == [("Runtime",), ("deserialize_cuda_engine",)]


def test_of_several_runtimes_the_one_that_fits_is_taken(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    full, lean = make_tensorrt("10.13.3.9"), make_tensorrt("11.4.0.106", lean=True)
    give_gpu(monkeypatch, tensorrt=full, tensorrt_lean=lean)
    TensorRtNetwork(engine_of(toy(), version_compatible=True, lean_runtime=True)).close()
    assert full.calls == []
    assert lean.calls[0] == ("Runtime",)
    with pytest.raises(BundleError, match=r"which built the plan, found TensorRT 10\.13\.3\.9"):
        TensorRtNetwork(engine_of(toy()))


@pytest.mark.parametrize(
    ("driver", "info", "message"),
    [
        (Driver(name="NVIDIA L4", capability=(8, 9)), {}, "found NVIDIA L4 .* built on NVIDIA H200"),
        (Driver(), {"version": "11.3.0.1"}, "expected TensorRT 11.3.0.1"),
        (Driver(), {"platform": "windows-x86"}, "one for windows-x86"),
    ],
)
def test_a_plan_from_elsewhere_never_reaches_tensorrt(toy, monkeypatch, driver, info, message: str) -> None:
    trt = make_tensorrt()
    runtime = give_gpu(monkeypatch, driver=driver, tensorrt=trt)
    with pytest.raises(BundleError, match=message):
        TensorRtNetwork(engine_of(toy(), **info))
    assert (trt.calls, runtime.calls) == ([], [])


def test_a_damaged_plan_never_reaches_tensorrt(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = make_tensorrt()
    give_gpu(monkeypatch, tensorrt=trt)
    path = engine_of(toy())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError, match="found another or a damaged one"):
        TensorRtNetwork(path)
    assert trt.calls == []


def test_without_a_driver_nothing_of_tensorrt_is_loaded(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = make_tensorrt()
    runtime = give_gpu(monkeypatch, driver=Driver(failing={"cuInit": 100}), tensorrt=trt)
    with pytest.raises(RuntimeFailure, match="expected a working NVIDIA driver"):
        TensorRtNetwork(engine_of(toy()))
    assert (trt.calls, runtime.calls) == ([], [])


def test_without_tensorrt_the_extra_is_named(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    give_gpu(monkeypatch, tensorrt=None)
    with pytest.raises(MissingExtra, match=r"TensorRT or its lean runtime .*\n.*yolo-tl\[tensorrt\]"):
        TensorRtNetwork(engine_of(toy()))


def test_a_plan_that_tensorrt_refuses(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [(Severity.INFO, "loading"), (Severity.ERROR, "Magic tag does not match")]
    runtime = give_gpu(monkeypatch, tensorrt=make_tensorrt(loads=False, says=said))
    with pytest.raises(BundleError, match=r"cannot load the plan\n  Magic tag does not match\nbuild it again"):
        TensorRtNetwork(engine_of(toy()))
    gc.collect()
    assert runtime.held == {}


def test_a_run_that_fails(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    give_gpu(monkeypatch)
    network = TensorRtNetwork(engine_of(toy()))
    monkeypatch.setattr(IExecutionContext, "execute_async_v3", lambda *_: False)
    with pytest.raises(RuntimeFailure, match="cannot run the plan"):
        network.run(images(1))
    network.close()
    with pytest.raises(RuntimeFailure, match="found a closed one"):
        network.run(images(1))


def test_a_gpu_without_memory_for_the_tensors(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    give_gpu(monkeypatch)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", CudaRuntime(memory=1000))
    with pytest.raises(RuntimeFailure, match="cudaMalloc: out of memory"):
        TensorRtNetwork(engine_of(toy()))


def test_a_plan_of_another_network_than_its_sidecar_says(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    give_gpu(monkeypatch)
    names = {"task": "detect", "names": {0: "a"}, "stride": 32, "imgsz": [64, 96], "batch": 1}
    with pytest.raises(BundleError, match="for a raw head with 1 classes"):
        TensorRtNetwork(engine_of(toy(), metadata=names))


def test_a_file_of_ultralytics_runs_too(toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, wrapped = toy(), tmp_path / "theirs.engine"
    wrap(engine_of(path), wrapped)
    give_gpu(monkeypatch)
    with TensorRtNetwork(wrapped) as network:
        assert network.info == OnnxNetwork(path).info
    give_gpu(monkeypatch, tensorrt=make_tensorrt("11.4.1.5"))
    with pytest.raises(BundleError, match=r"expected TensorRT 11\.4\.0\.106"):  # which the plan itself says
        TensorRtNetwork(wrapped)


def test_a_detector_opens_a_plan(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toy()
    give_gpu(monkeypatch)
    engine = engine_of(path)
    assert isinstance(open_network(engine), TensorRtNetwork)
    image = RNG.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    mine, theirs = Detector(engine)(image, confidence=0.3), Detector(path)(image, confidence=0.3)
    assert len(theirs) > 0
    np.testing.assert_array_equal(mine.xyxy, theirs.xyxy)
