"""Exports that were damaged on purpose, each in one stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from yolo_tl.edge.artifact import open_network
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.edge.preprocess import Preprocess


def damages(model: Path, folder: Path) -> Iterator[tuple[str, str, Pipeline]]:
    """What was done to an ONNX file of Ultralytics, the stage that then differs, and the result.

    Args:
        model: a sound file.
        folder: for the damaged ones.
    """
    import onnx
    from onnx import numpy_helper

    sound = onnx.load(model)
    weights = [value for value in sound.graph.initializer if len(value.dims) == 4]
    for called, place in (("one weight of the first layer + 0.5", 0), ("one weight of the middle layer + 0.5", None)):
        changed = onnx.ModelProto()
        changed.CopyFrom(sound)
        number = len(weights) // 2 if place is None else place
        tensor = next(value for value in changed.graph.initializer if value.name == weights[number].name)
        values = numpy_helper.to_array(tensor).copy()
        values.flat[0] += np.float32(0.5)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        file = folder / f"weight-{number}.onnx"
        onnx.save(changed, file)
        yield called, "engine", Pipeline(open_network(file))
    network = open_network(model)
    yield "wrong colour order", "preprocess", Pipeline(network, Preprocess(colour="BGR"))
    yield "wrong padding: black", "preprocess", Pipeline(network, Preprocess(padding=0))
    names = list(network.info.names)
    swapped = onnx.ModelProto()
    swapped.CopyFrom(sound)
    for entry in swapped.metadata_props:
        if entry.key == "names":
            entry.value = repr(dict(enumerate([names[1], names[0], *names[2:]])))
    file = folder / "swapped.onnx"
    onnx.save(swapped, file)
    yield "two class names swapped", "postprocess", Pipeline(open_network(file))
