"""Writing Q/DQ pairs into a float graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.exporting.quantisation.graph import Conv
from yolo_tl.exporting.quantisation.placement import Placement, Ranges, data_inputs

_LARGEST = 127  # level of a weight; -128 is left out, so that they are symmetric
_BIAS = 2.0**30  # level of a bias, well within 32 bits


@dataclass(frozen=True, eq=False)
class Weights:
    """What a convolution multiplies with.

    Attributes:
        levels: (O, ...) whole numbers from -127 to 127.
        steps: (O,) of one level of each output channel.
        bias: (O,).
    """

    levels: NDArray[np.float64]
    steps: NDArray[np.float64]
    bias: NDArray[np.float64]

    @classmethod
    def nearest(cls, conv: Conv) -> Weights:
        """Each weight rounded to the nearest level."""
        steps = steps_of(conv.weight)
        return cls(np.round(conv.weight / broadcast(steps, conv.weight.ndim)), steps, conv.bias)

    @property
    def values(self) -> NDArray[np.float64]:
        """The numbers that the levels stand for."""
        return self.levels * broadcast(self.steps, self.levels.ndim)


def steps_of(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """(O,) a step for each output channel, so that its largest weight is the last level."""
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    steps: NDArray[np.float64] = np.maximum(largest / _LARGEST, 1e-12).astype(np.float32).astype(np.float64)
    return steps


def broadcast(steps: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    """(O,) → (O, 1, ...)."""
    return steps.reshape(-1, *[1] * (dimensions - 1))


def insert(placement: Placement, ranges: Ranges, weights: Mapping[str, Weights]) -> Any:
    """The quantised model.

    Args:
        placement: which nodes compute in 8 bits.
        ranges: scales of their tensors.
        weights: of convolutions in 8 bits; rounded to the nearest where one is missing.

    Returns:
        An ONNX model with the inputs and outputs of the float one; without its metadata.
    """
    return _Writer(placement, ranges).write(weights)


class _Writer:
    def __init__(self, placement: Placement, ranges: Ranges) -> None:
        self._placement, self._ranges = placement, ranges
        self._nodes: list[Any] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._bytes: dict[tuple[str, frozenset[str]], str] = {}  # tensor and scale → its 8-bit tensor
        self._only: dict[str, frozenset[str]] = {}  # tensors that exist in 8 bits alone → their scale
        self._reads = 0

    def write(self, weights: Mapping[str, Weights]) -> Any:
        from onnx import numpy_helper

        placement = self._placement
        for node in placement.graph.nodes:
            if node.name in placement.quantised:
                conv = placement.graph.convs[node.name]
                self._conv(node, conv, weights.get(conv.name) or Weights.nearest(conv))
            elif node.name in placement.passing:
                moved = {name: self._read(name, placement.tensors(node, name)) for name in data_inputs(node)}
                self._copy(node, moved)
                for name in node.output:
                    self._written(name)
            else:
                self._copy(node, {name: self._in_float(node, name) for name in node.input})
        model = type(placement.graph.model)()
        model.CopyFrom(placement.graph.model)
        graph = model.graph
        del graph.node[:], graph.value_info[:]
        graph.node.extend(self._nodes)
        graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in self._constants.items())
        used = {name for node in self._nodes for name in node.input}
        kept = [tensor for tensor in graph.initializer if tensor.name in used]
        copies = [type(tensor).FromString(tensor.SerializeToString()) for tensor in kept]
        del graph.initializer[:]
        graph.initializer.extend(copies)
        return model

    def _conv(self, node: Any, conv: Conv, weights: Weights) -> None:
        name = conv.name
        tensors = self._placement.tensors(node, conv.input)
        source = self._read(conv.input, tensors)
        step = self._ranges.scale(tensors).step
        steps, levels = weights.steps, weights.levels
        if self._placement.recipe.chained and (short := np.abs(weights.bias) / _BIAS > step * steps).any():
            # Next to no weights beside a large bias: coarser weights, so that the bias fits into 32 bits.
            steps = np.where(short, np.abs(weights.bias) / _BIAS / step, steps).astype(np.float32).astype(np.float64)
            levels = np.round(weights.values / broadcast(steps, levels.ndim))
        weight = self._constant(f"{name}.weight8", levels.astype(np.int8), steps.astype(np.float32))
        if self._placement.recipe.chained:
            of_bias = (np.float32(step) * steps.astype(np.float32)).astype(np.float32)
            bias = self._constant(f"{name}.bias8", np.round(weights.bias / of_bias).astype(np.int32), of_bias)
        else:
            bias = f"{name}.bias8"
            self._constants[bias] = weights.bias.astype(np.float32)
        copy = self._copy(node, {})
        del copy.input[:]
        copy.input.extend([source, weight, bias])
        if self._placement.recipe.chained:
            self._written(conv.output)

    def _in_float(self, node: Any, name: str) -> str:
        """A tensor as a node in float reads it."""
        if name in self._only:
            return self._dequantise(f"{name}.8", self._only[name])
        if node.op_type == "Add" and not self._placement.recipe.chained and self._is_read(name):
            return self._read(name, frozenset([name]))  # TensorRT adds in 8 bits where the shortcut is marked, too
        return name

    def _is_read(self, name: str) -> bool:
        """Whether a convolution in 8 bits reads a tensor."""
        return any(node.name in self._placement.quantised for node in self._placement.graph.consumers.get(name, []))

    def _copy(self, node: Any, moved: Mapping[str, str]) -> Any:
        copy = type(node)()
        copy.CopyFrom(node)
        for i, name in enumerate(node.input):
            copy.input[i] = moved.get(name, name)
        self._nodes.append(copy)
        return copy

    def _read(self, name: str, tensors: frozenset[str]) -> str:
        """A tensor as an 8-bit node reads it: rounded to the scale of `tensors`."""
        if self._only.get(name) == tensors:
            return self._dequantise(f"{name}.8", tensors)
        if (name, tensors) not in self._bytes:
            source = self._dequantise(f"{name}.8", self._only[name]) if name in self._only else name
            target = f"{name}.8.{sum(known == name for known, _ in self._bytes)}"
            self._node("QuantizeLinear", [source, *self._scale(tensors)], target)
            self._bytes[name, tensors] = target
        return self._dequantise(self._bytes[name, tensors], tensors)

    def _written(self, name: str) -> None:
        """A tensor that an 8-bit node writes."""
        tensors = self._placement.written(name)
        self._node("QuantizeLinear", [name, *self._scale(tensors)], f"{name}.8")
        self._only[name] = tensors

    def _dequantise(self, source: str, tensors: frozenset[str]) -> str:
        """Each reader gets a node of its own, which is what ONNX Runtime and TensorRT fuse."""
        self._reads += 1
        return self._node("DequantizeLinear", [source, *self._scale(tensors)], f"{source}.float{self._reads}")

    def _constant(self, name: str, levels: NDArray[Any], steps: NDArray[np.float32]) -> str:
        zeros = np.zeros(len(steps), levels.dtype)
        self._constants |= {f"{name}.levels": levels, f"{name}.steps": steps, f"{name}.zeros": zeros}
        return self._node("DequantizeLinear", [f"{name}.levels", f"{name}.steps", f"{name}.zeros"], name, axis=0)

    def _scale(self, tensors: frozenset[str]) -> tuple[str, str]:
        scale = self._ranges.scale(tensors)
        name = min(tensors)
        zero = np.array(scale.zero, np.int8 if scale.signed else np.uint8)
        self._constants |= {f"{name}.step": np.array(scale.step, np.float32), f"{name}.zero": zero}
        return f"{name}.step", f"{name}.zero"

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output
