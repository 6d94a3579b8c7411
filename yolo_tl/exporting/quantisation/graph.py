"""A float ONNX graph as quantising sees it: its convolutions, and what lies between them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.onnx import import_onnxruntime
from yolo_tl.errors import ExportError
from yolo_tl.exporting.onnx_graph import load_onnx

PASSING = ("Concat", "MaxPool", "Resize", "Split")
"""Operators that only move numbers: in 8 bits they lose nothing where all their sides have one scale."""

OLDEST_OPSET = 13  # the first with a scale for each channel
ORT_DOMAIN = "com.microsoft"


@dataclass(frozen=True, eq=False)
class Conv:
    """A convolution.

    Attributes:
        name: of its node.
        input: the tensor it reads.
        output: the tensor it writes.
        weight: (O, I / groups, height, width).
        bias: (O,).
        strides: px, down and to the right.
        pads: top, left, bottom, right.
        dilations: down and to the right.
        groups: input channels are split into so many parts.
    """

    name: str
    input: str
    output: str
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    groups: int


class FloatGraph:
    """A float network, simplified so that it can be quantised; it is not changed any more.

    Args:
        model: the ONNX model; nodes have names, constants are folded.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.nodes: list[Any] = list(model.graph.node)
        self.producers = {output: node for node in self.nodes for output in node.output}
        self.consumers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)

    @classmethod
    def read(cls, path: Path, *, fused_silu: bool) -> FloatGraph:
        """Load and simplify a file.

        Args:
            path: a float32 ONNX file.
            fused_silu: write SiLU as one node.

        Raises:
            ExportError: it is no ONNX model in float, or its operator set is too old.
            MissingExtra: onnx or onnxruntime is not installed.
        """
        model = load_onnx(path)
        opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
        if opset < OLDEST_OPSET:
            raise ExportError(
                f"{path}: expected operator set {OLDEST_OPSET} or newer, found {opset}",
                hint=f"8-bit weights need a scale for each channel; export with opset {OLDEST_OPSET} or more",
            )
        if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node):
            raise ExportError(f"{path}: expected a network in float, found a quantised one")
        model = _simplified(path)
        _name_nodes(model)
        if fused_silu:
            _fuse_silu(model)
        graph = cls(model)
        if not graph.convs:
            raise ExportError(f"{path}: expected convolutions to quantise, found none")
        return graph

    @cached_property
    def constants(self) -> dict[str, NDArray[Any]]:
        """Name → value of every constant."""
        from onnx import numpy_helper

        return {tensor.name: numpy_helper.to_array(tensor) for tensor in self.model.graph.initializer}

    @cached_property
    def convs(self) -> dict[str, Conv]:
        """Name → convolution with weights that were trained, in the order they run."""
        found = (self._conv(node) for node in self.nodes if node.op_type == "Conv" and node.input[1] in self.constants)
        return {conv.name: conv for conv in found if not is_expectation(conv.weight)}

    @cached_property
    def images(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(value.name for value in self.model.graph.input if value.name not in self.constants)

    def feed(self, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """One image (3, H, W) as the input of a run, as often as the network takes images at once."""
        (source,) = [value for value in self.model.graph.input if value.name in self.images]
        batch = source.type.tensor_type.shape.dim[0].dim_value or 1
        return {source.name: np.repeat(image[None], batch, axis=0)}

    @cached_property
    def first(self) -> frozenset[str]:
        """Convolutions that read the image."""
        return frozenset(conv.name for conv in self.convs.values() if conv.input in self.images)

    @cached_property
    def last(self) -> frozenset[str]:
        """Convolutions without an activation, after which no other follows: what they write is decoded, not rounded."""
        return frozenset(
            conv.name
            for conv in self.convs.values()
            if not self.activated(conv.output) and not any(node.name in self.convs for node in self._after(conv.output))
        )

    @cached_property
    def depths(self) -> dict[str, int]:
        """Name of a convolution → how many lie one after the other before it."""
        depth: dict[str, int] = {}
        found = {}
        for node in self.nodes:
            before = max((depth.get(name, 0) for name in node.input), default=0)
            if node.name in self.convs:
                found[node.name] = before
                before += 1
            depth |= dict.fromkeys(node.output, before)
        return found

    def activated(self, tensor: str) -> bool:
        """Whether a tensor goes into SiLU."""
        following = self.consumers.get(tensor, [])
        return any(node.op_type == "QuickGelu" for node in following) or any(
            node.op_type == "Sigmoid" and any(set(mul.input) == {tensor, node.output[0]} for mul in following)
            for node in following
        )

    def _after(self, tensor: str) -> Iterator[Any]:
        """Every node that depends on a tensor."""
        seen: set[str] = set()
        waiting = [tensor]
        while waiting:
            for node in self.consumers.get(waiting.pop(), []):
                if node.output[0] not in seen:
                    seen.update(node.output)
                    waiting.extend(node.output)
                    yield node

    def _conv(self, node: Any) -> Conv:
        from onnx import helper

        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        weight = self.constants[node.input[1]].astype(np.float64)
        has_bias = len(node.input) > 2 and node.input[2] in self.constants
        bias = self.constants[node.input[2]].astype(np.float64) if has_bias else np.zeros(len(weight))
        return Conv(
            name=node.name,
            input=node.input[0],
            output=node.output[0],
            weight=weight,
            bias=bias,
            strides=tuple(attributes.get("strides", (1, 1))),
            pads=tuple(attributes.get("pads", (0, 0, 0, 0))),
            dilations=tuple(attributes.get("dilations", (1, 1))),
            groups=attributes.get("group", 1),
        )


def session(model: Any, outputs: Iterable[str] = ()) -> Any:
    """A model in ONNX Runtime, on one thread, with some of its inner tensors as its outputs.

    Args:
        model: the ONNX model; it is not changed.
        outputs: names of tensors; what none of them needs is left out. By default those of the model.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    part = cut(model, list(dict.fromkeys(outputs))) if outputs else model
    return onnxruntime.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])


def cut(model: Any, outputs: list[str]) -> Any:
    """A copy of a model that ends with other tensors, without what they do not need."""
    import onnx
    from onnx import helper

    producers = {output: node for node in model.graph.node for output in node.output}
    needed: set[str] = set()
    waiting = list(outputs)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(producers[name].input if name in producers else ())
    graph = onnx.GraphProto(name=model.graph.name)
    graph.node.extend(node for node in model.graph.node if needed.intersection(node.output))
    graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in needed)
    graph.input.extend(value for value in model.graph.input if value.name in needed)
    graph.output.extend(helper.make_empty_tensor_value_info(name) for name in outputs)
    return helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)


def is_expectation(weight: NDArray[np.float64]) -> bool:
    """Whether it is the expected value of a box side's distribution: weights 0, 1, 2, …, not trained."""
    flat = weight.reshape(len(weight), -1)
    return len(flat) == 1 and flat.shape[1] > 1 and bool(np.array_equal(flat[0], np.arange(flat.shape[1])))


def _simplified(path: Path) -> Any:
    """The model with constants folded and batch normalisation in its convolutions, by ONNX Runtime."""
    import_onnxruntime()
    from onnxruntime.quantization import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="yolo_tl-quantise-") as folder:
        target = Path(folder) / "simplified.onnx"
        try:
            quant_pre_process(path, target, skip_onnx_shape=True, skip_symbolic_shape=True)
        except Exception as error:  # ONNX Runtime's errors have no common class of their own
            raise ExportError(f"{path}: ONNX Runtime cannot simplify it: {error}") from error
        return load_onnx(target)


def _name_nodes(model: Any) -> None:
    """Give every node a name of its own."""
    seen: set[str] = set()
    for node in model.graph.node:
        if not node.name or node.name in seen:
            node.name = node.output[0] + "_node"
        seen.add(node.name)


def _fuse_silu(model: Any) -> None:
    """Write SiLU, x * sigmoid(x), as QuickGelu: one node for two, and the same result bit by bit."""
    from onnx import helper

    graph = model.graph
    producers = {output: node for node in graph.node for output in node.output}
    consumers: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            consumers[name] = consumers.get(name, 0) + 1
    kept, gone = [], set()
    for node in graph.node:
        for x, squashed in (tuple(node.input), tuple(node.input)[::-1]) if node.op_type == "Mul" else ():
            gate = producers.get(squashed)
            if gate is not None and gate.op_type == "Sigmoid" and gate.input[0] == x and consumers[squashed] == 1:
                gone.add(squashed)
                fused = helper.make_node(
                    "QuickGelu", [x], list(node.output), name=node.name, domain=ORT_DOMAIN, alpha=1.0
                )
                node.CopyFrom(fused)
                break
        kept.append(node)
    nodes = [node for node in kept if node.output[0] not in gone]
    copies = helper.make_graph(nodes, "nodes", [], []).node
    del graph.node[:]
    graph.node.extend(copies)
    if gone and not any(entry.domain == ORT_DOMAIN for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(ORT_DOMAIN, 1))
