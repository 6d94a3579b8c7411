from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from support.networks import exported, images

from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.exporting.onnx_graph import OnnxGraph
from yolo_tl.exporting.quantisation.calibration import Calibration
from yolo_tl.exporting.quantisation.insertion import Weights, insert
from yolo_tl.exporting.quantisation.quantiser import Quantiser
from yolo_tl.exporting.quantisation.recipes import RECIPES

RECIPE = pytest.mark.parametrize("target", list(RECIPES))


def quantised(source: Path, calibration: Calibration, target: str, out: Path, **options: Any) -> Quantiser:
    quantiser = Quantiser(source, calibration, RECIPES[target], exact=False)
    quantiser.write(quantiser.quantise(**options), out)
    return quantiser


def constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def dequantisers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {node.output[0]: node for node in model.graph.node if node.op_type == "DequantizeLinear"}


@RECIPE
def test_weights_are_signed_and_scaled_by_channel(
    float_file: Path, calibration: Calibration, tmp_path: Path, target: str
) -> None:
    quantiser = quantised(float_file, calibration, target, tmp_path / "int8.onnx")
    model = onnx.load(tmp_path / "int8.onnx")
    onnx.checker.check_model(model)
    values, readers = constants(model), dequantisers(model)
    eight = 0
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] in readers:
            levels, steps, zeros = (values[name] for name in readers[node.input[1]].input)
            eight += 1
            assert (levels.dtype, levels.min() >= -127) == (np.int8, True)
            assert len(steps) == len(levels)
            assert not zeros.any()
            exact = quantiser.graph.convs[node.name].weight
            assert np.abs(levels * steps[:, None, None, None] - exact).max() <= steps.max() * 0.51
    graph = quantiser.graph
    expected = set(graph.convs) - graph.last - (graph.first if target != "tensorrt" else set())
    assert eight == len(expected) > 8


@RECIPE
def test_activations_are_what_the_processor_multiplies(
    float_file: Path, calibration: Calibration, tmp_path: Path, target: str
) -> None:
    quantised(float_file, calibration, target, tmp_path / "int8.onnx")
    model = onnx.load(tmp_path / "int8.onnx")
    values = constants(model)
    zeros = [values[node.input[2]] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert {zero.dtype for zero in zeros} == {np.dtype(np.uint8 if target == "x86" else np.int8)}
    assert all(zero.shape == () for zero in zeros)
    found = OnnxGraph.read(tmp_path / "int8.onnx")
    assert (found.unsymmetric == ()) == (target == "tensorrt")
    integers = any(value.dtype == np.int32 and name.endswith(".levels") for name, value in values.items())
    assert integers == (target != "tensorrt")
    assert any(node.op_type == "QuickGelu" for node in model.graph.node) == (target != "tensorrt")


def test_onnx_runtime_computes_in_integers(float_file: Path, calibration: Calibration, tmp_path: Path) -> None:
    quantiser = quantised(float_file, calibration, "x86", tmp_path / "int8.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(tmp_path / "int8.onnx"), options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    assert kinds["QLinearConv"] == len(quantiser.quantise().placement.quantised)
    assert kinds["Conv"] + kinds["FusedConv"] == 1 + 6 + 1  # the first, the last six, and the distribution's


@RECIPE
@pytest.mark.parametrize(
    ("task", "head", "two_headed", "batch"),
    [
        ("detect", "raw", False, 1),
        ("detect", "raw", False, 2),
        ("detect", "nms-free", True, 1),
        ("detect", "nms", False, 1),
        ("segment", "raw", False, 1),
        ("pose", "raw", False, 1),
        ("obb", "raw", False, 1),
        ("classify", "raw", False, 1),
    ],
)
def test_every_task_and_head_is_close_to_float(
    calibration: Calibration, tmp_path: Path, target: str, task: str, head: Any, two_headed: bool, batch: int
) -> None:
    source = exported(task, "onnx", head=head, two_headed=two_headed, batch=batch)
    quantised(source, calibration, target, tmp_path / "int8.onnx")
    ours, theirs = OnnxNetwork(tmp_path / "int8.onnx"), OnnxNetwork(source)
    assert ours.info == theirs.info
    for found, exact in zip(ours.run(images(3)), theirs.run(images(3)), strict=True):
        assert found.shape == exact.shape
        assert np.isfinite(found).all()
        if head == "raw":  # others choose rows by score, and choose differently
            assert 0 < np.abs(found - exact).mean() < 0.25 * np.abs(exact - exact.mean()).mean()


def test_metadata_survive_and_tell_how(float_file: Path, calibration: Calibration, tmp_path: Path) -> None:
    quantiser = quantised(float_file, calibration, "x86", tmp_path / "int8.onnx")
    before, after = (
        {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        for path in (float_file, tmp_path / "int8.onnx")
    )
    told = onnx_metadata = after.pop("quantisation")
    assert after == before
    assert calibration.digest in onnx_metadata
    assert all(name in told for name in quantiser.graph.first | quantiser.graph.last)


def test_layers_can_stay_in_float(float_file: Path, calibration: Calibration) -> None:
    quantiser = Quantiser(float_file, calibration, RECIPES["x86"], exact=False)
    every = quantiser.quantise().placement.quantised
    model = quantiser.quantise(floats=every).model
    assert not {node.op_type for node in model.graph.node} & {"QuantizeLinear", "DequantizeLinear"}
    some = quantiser.quantise(floats=frozenset(sorted(every)[:3]))
    assert some.placement.quantised == every - set(sorted(every)[:3])


def test_numbers_that_are_only_moved_stay_in_8_bits(calibration: Calibration, tmp_path: Path) -> None:
    """Concat, MaxPool, Resize and Split around convolutions, as necks of detectors have them."""
    path = tmp_path / "neck.onnx"
    onnx.save(neck(), path)
    quantiser = Quantiser(path, calibration, RECIPES["x86"], exact=False)
    found = quantiser.quantise()
    kinds = {node.op_type for node in quantiser.graph.nodes if node.name in found.placement.passing}
    assert kinds == {"Concat", "MaxPool", "Resize", "Split"}
    quantiser.write(found, tmp_path / "int8.onnx")
    ours, theirs = OnnxNetwork(tmp_path / "int8.onnx"), OnnxNetwork(path)
    (a,), (b,) = ours.run(images(2)), theirs.run(images(2))
    assert 0 < np.abs(a - b).mean() < 0.1 * b.std()


def test_a_bias_far_beyond_the_weights_fits_all_the_same(calibration: Calibration, tmp_path: Path) -> None:
    model = neck()
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor).copy()
        if tensor.name == "middle.weight":
            value[0] = 1e-13
        if tensor.name == "middle.bias":
            value[0] = 7.0
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    onnx.save(model, tmp_path / "neck.onnx")
    quantised(tmp_path / "neck.onnx", calibration, "x86", tmp_path / "int8.onnx")
    (a,), (b,) = (OnnxNetwork(tmp_path / name).run(images(2)) for name in ("int8.onnx", "neck.onnx"))
    assert np.abs(a - b).mean() < 0.1 * b.std()


def test_weights_of_zero_are_zero(float_file: Path) -> None:
    from yolo_tl.exporting.quantisation.graph import Conv

    conv = Conv("c", "x", "y", np.zeros((2, 3, 1, 1)), np.ones(2), (1, 1), (0, 0, 0, 0), (1, 1), 1)
    assert not Weights.nearest(conv).values.any()


def test_the_float_model_is_not_changed(float_file: Path, calibration: Calibration) -> None:
    quantiser = Quantiser(float_file, calibration, RECIPES["x86"], exact=False)
    before = quantiser.graph.model.SerializeToString()
    insert(quantiser.quantise().placement, quantiser.ranges, {})
    assert quantiser.graph.model.SerializeToString() == before


def neck() -> onnx.ModelProto:
    """Image → conv → split → pool, resize, add → concat → conv → conv → raw outputs of one class."""
    from onnx import TensorProto, helper

    rng = np.random.default_rng(0)
    tensors: dict[str, np.ndarray] = {"halves": np.array([8, 8]), "twice": np.array([1, 1, 2, 2], np.float32)}
    tensors |= {"shape": np.array([0, 5, -1])}
    nodes = []

    def conv(name: str, source: str, inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3) -> None:
        tensors[f"{name}.weight"] = rng.normal(0, (inputs * kernel**2) ** -0.5, (outputs, inputs, kernel, kernel))
        tensors[f"{name}.bias"] = rng.normal(0, 0.3, outputs)
        names = [source, f"{name}.weight", f"{name}.bias"]
        pads = [kernel // 2] * 4
        nodes.append(helper.make_node("Conv", names, [f"{name}.x"], name=name, strides=[stride] * 2, pads=pads))
        nodes.append(helper.make_node("Sigmoid", [f"{name}.x"], [f"{name}.s"]))
        nodes.append(helper.make_node("Mul", [f"{name}.x", f"{name}.s"], [f"{name}.y"]))

    conv("stem", "images", 3, 16, stride=4)
    nodes.append(helper.make_node("Split", ["stem.y", "halves"], ["left", "right"], axis=1))
    conv("inner", "right", 8, 8)
    nodes.append(helper.make_node("Add", ["right", "inner.y"], ["sum"]))
    nodes.append(helper.make_node("MaxPool", ["sum"], ["pool"], kernel_shape=[2, 2], strides=[2, 2]))
    nodes.append(helper.make_node("Resize", ["pool", "", "twice"], ["wide"], mode="nearest"))
    nodes.append(helper.make_node("Concat", ["left", "right", "sum", "wide"], ["all"], axis=1))
    conv("middle", "all", 32, 12)
    conv("end", "middle.y", 12, 5, kernel=1)
    nodes[-2:] = [helper.make_node("Reshape", ["end.x", "shape"], ["output0"])]
    graph = helper.make_graph(
        nodes,
        "neck",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 5, 256])],
        [
            numpy_helper.from_array(value if value.dtype == np.int64 else value.astype(np.float32), name)
            for name, value in tensors.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    properties = {"task": "detect", "stride": "32", "batch": "1", "imgsz": "[64, 64]", "names": "{0: 'a'}"}
    helper.set_model_props(model, {**properties, "args": "{'nms': None}", "end2end": "False"})
    return model
