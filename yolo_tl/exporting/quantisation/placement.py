"""Where a network is in 8 bits: which nodes, and which tensors share a scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.exporting.quantisation.graph import PASSING, FloatGraph
from yolo_tl.exporting.quantisation.ranges import Histogram, Scale, Values, best_scale, measure, merged, silu
from yolo_tl.exporting.quantisation.recipes import Recipe


class Ranges:
    """The scales of a network's tensors by a recipe, measured once and found when they are asked for.

    Args:
        graph: the float network.
        recipe: signed and symmetric or not.
        images: calibration images (N, 3, H, W).
    """

    def __init__(self, graph: FloatGraph, recipe: Recipe, images: NDArray[np.float32]) -> None:
        self._graph, self._recipe = graph, recipe
        convs = graph.convs.values()
        wanted = {conv.input for conv in convs} | {conv.output for conv in convs if recipe.chained}
        wanted |= {name for node in graph.nodes if node.op_type in PASSING for name in node.output if name in wanted}
        wanted |= {name for node in self._passing(wanted) for name in node.output}
        self._histograms: dict[str, Histogram] = measure(graph, wanted - set(graph.images), images)
        self.scale = cache(self._scale)

    def _passing(self, wanted: set[str]) -> Iterator[Any]:
        """Nodes that only move numbers and whose results a convolution reads, also through others of them."""
        reached = set(wanted)
        for node in reversed(self._graph.nodes):
            if moves_only(node) and reached.intersection(node.output):
                reached.update(data_inputs(node))
                yield node

    def _scale(self, tensors: frozenset[str]) -> Scale:
        """The one scale of these tensors."""
        signed, symmetric = self._recipe.signed, self._recipe.symmetric
        if tensors <= set(self._graph.images):
            return Scale.of(0.0, 1.0, signed=signed, symmetric=symmetric)  # 8-bit pixels: without any loss
        histogram = merged([self._histograms[name] for name in sorted(tensors)])
        through: Callable[[Values], Values] | None = None
        if len(tensors) == 1 and self._graph.activated(next(iter(tensors))):
            through = silu
        return best_scale(histogram, signed=signed, symmetric=symmetric, through=through)


class Placement:
    """The nodes that compute in 8 bits.

    Args:
        graph: the float network.
        recipe: what the processor wants.
        floats: convolutions that stay in float, beside those that the recipe leaves there.
    """

    def __init__(self, graph: FloatGraph, recipe: Recipe, floats: frozenset[str] = frozenset()) -> None:
        self.graph, self.recipe, self.floats = graph, recipe, floats
        left = floats | graph.last | (graph.first if recipe.first_float else frozenset())
        self.quantised = frozenset(graph.convs) - left

    @cached_property
    def passing(self) -> frozenset[str]:
        """Names of nodes that only move 8-bit numbers."""
        if not self.recipe.chained:
            return frozenset()
        read = {self.graph.convs[name].input for name in self.quantised}
        found = set()
        for node in reversed(self.graph.nodes):
            if moves_only(node) and read.intersection(node.output):
                found.add(node.name)
                read.update(data_inputs(node))
        return frozenset(found)

    def tensors(self, node: Any, name: str) -> frozenset[str]:
        """The tensors whose scale a node reads its input `name` with: all that 8-bit numbers move through."""
        producer = self.graph.producers.get(name)
        if producer is not None and producer.name in self.passing:
            return self._groups[name]
        if node.name in self.passing:
            return self._groups[node.output[0]]
        return frozenset([name])

    def written(self, name: str) -> frozenset[str]:
        """The tensors whose scale an 8-bit node writes its output `name` with."""
        return self._groups.get(name, frozenset([name]))

    @cached_property
    def _groups(self) -> dict[str, frozenset[str]]:
        """Output of a passing node → outputs of all passing nodes that have its scale."""
        groups: dict[str, set[str]] = {}
        for node in self.graph.nodes:
            if node.name in self.passing:
                mine = set(node.output)
                for name in data_inputs(node):
                    mine |= groups.get(name, set())
                groups |= dict.fromkeys(mine, mine)
        return {name: frozenset(group) for name, group in groups.items()}


def moves_only(node: Any) -> bool:
    """Whether a node gives on numbers as they are."""
    if node.op_type == "Resize":
        return any(entry.name == "mode" and entry.s == b"nearest" for entry in node.attribute)
    return node.op_type in PASSING


def data_inputs(node: Any) -> list[str]:
    """The tensors that a passing node moves; its other inputs say how."""
    return list(node.input) if node.op_type == "Concat" else list(node.input[:1])
