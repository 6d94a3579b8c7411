"""The toy network with 8-bit weights and input, in the ways there are to write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from support.toys import toy_network

ZEROS = {
    "signed": np.array(0, np.int8),
    "unsigned": np.array(128, np.uint8),
    "shifted": np.array(3, np.int8),
    "none": None,
}


def quantised_toy(path: Path, zero: str = "signed", *, constants: bool = False) -> Path:
    """Write the toy with a pair of Q/DQ nodes before its convolution.

    Args:
        path: the file.
        zero: kind of its zero points, a key of `ZEROS`.
        constants: the zero points come from Constant nodes instead of initialisers.
    """
    model = onnx.load(toy_network(path))
    graph, point = model.graph, ZEROS[zero]
    graph.initializer.append(numpy_helper.from_array(np.array(1 / 127, np.float32), "step"))
    more = ["step"] if point is None else ["step", "zero"]
    nodes = [
        helper.make_node("QuantizeLinear", ["images", *more], ["in8"], name="q"),
        helper.make_node("DequantizeLinear", ["in8", *more], ["in"], name="dq"),
    ]
    if point is not None:
        tensor = numpy_helper.from_array(point, "zero")
        if constants:
            nodes.insert(0, helper.make_node("Constant", [], ["zero"], value=tensor))
        else:
            graph.initializer.append(tensor)
    graph.node[0].input[0] = "in"
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
    onnx.save(model, path)
    return path
