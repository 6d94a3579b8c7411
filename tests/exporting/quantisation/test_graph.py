from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from support.networks import exported, images
from support.quantised_toy import quantised_toy
from support.toys import toy_network

from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.errors import ExportError
from yolo_tl.exporting.quantisation.graph import FloatGraph, session


@pytest.mark.parametrize("task", ["detect", "segment", "classify"])
def test_simplified_and_with_silu_in_one_it_computes_the_same(task: str) -> None:
    path = exported(task, "onnx")
    graph = FloatGraph.read(path, fused_silu=True)
    kinds = [node.op_type for node in graph.nodes]
    assert kinds.count("QuickGelu") >= 5
    assert "Mul" not in kinds[: kinds.index("QuickGelu")]
    for image in images():
        expected = OnnxNetwork(path).run(image[None])
        for a, b in zip(session(graph.model).run(None, graph.feed(image)), expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_roles(float_file: Path) -> None:
    graph = FloatGraph.read(float_file, fused_silu=True)
    assert [len(graph.convs[name].weight[0]) for name in graph.first] == [3]
    channels = sorted(len(graph.convs[name].weight) for name in graph.last)
    assert channels == [3, 3, 3, 64, 64, 64]  # classes and box sides, of three levels
    distribution = [node for node in graph.nodes if node.op_type == "Conv" and node.name not in graph.convs]
    assert len(distribution) == 1
    assert graph.depths[next(iter(graph.first))] == 0
    assert all(graph.activated(conv.output) != (name in graph.last) for name, conv in graph.convs.items())


def test_a_single_class_is_trained_all_the_same(tmp_path: Path) -> None:
    path = toy_network(tmp_path / "toy.onnx", classes=1)
    assert len(FloatGraph.read(path, fused_silu=True).convs) == 1


def test_inner_tensors_can_be_looked_at_alone(float_file: Path) -> None:
    graph = FloatGraph.read(float_file, fused_silu=True)
    conv = graph.convs[next(iter(graph.first))]
    network = session(graph.model, [conv.output])
    (found,) = network.run(None, graph.feed(images()[0]))
    assert found.shape == (1, len(conv.weight), 32, 32)
    assert [output.name for output in network.get_outputs()] == [conv.output]


def test_a_batch_is_filled(tmp_path: Path) -> None:
    graph = FloatGraph.read(toy_network(tmp_path / "toy.onnx", batch=3), fused_silu=True)
    (value,) = graph.feed(np.ones((3, 64, 96), np.float32)).values()
    assert value.shape == (3, 3, 64, 96)


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="expected a network in float, found a quantised one"):
        FloatGraph.read(quantised_toy(tmp_path / "int8.onnx"), fused_silu=True)
    model = onnx.load(toy_network(tmp_path / "old.onnx"))
    model.opset_import[0].version = 12
    onnx.save(model, tmp_path / "old.onnx")
    with pytest.raises(ExportError, match="expected operator set 13 or newer, found 12"):
        FloatGraph.read(tmp_path / "old.onnx", fused_silu=True)
    (tmp_path / "damaged.onnx").write_bytes((tmp_path / "old.onnx").read_bytes()[:2000])
    with pytest.raises(ExportError, match="expected an ONNX model"):
        FloatGraph.read(tmp_path / "damaged.onnx", fused_silu=True)
