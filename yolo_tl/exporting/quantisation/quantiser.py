"""A float32 ONNX file in 8 bits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.network import NetworkInfo, RunOptions
from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.errors import ExportError
from yolo_tl.exporting.onnx_graph import load_onnx
from yolo_tl.exporting.quantisation.calibration import Calibration, tensors_of
from yolo_tl.exporting.quantisation.graph import FloatGraph
from yolo_tl.exporting.quantisation.insertion import Weights, insert
from yolo_tl.exporting.quantisation.least_squares import LeastSquares
from yolo_tl.exporting.quantisation.placement import Placement, Ranges
from yolo_tl.exporting.quantisation.recipes import Recipe
from yolo_tl.files import atomic_path

ENTRY = "quantisation"
"""Key in the metadata of the file under which all of this is told."""


@dataclass(frozen=True, eq=False)
class Quantised:
    """A network in 8 bits that is not written yet.

    Attributes:
        placement: what of it is.
        weights: of the convolutions that are.
        model: the ONNX model.
    """

    placement: Placement
    weights: dict[str, Weights]
    model: Any


class Quantiser:
    """One float network, to be quantised with some layers or others in float.

    Args:
        source: a float32 ONNX file with the metadata of Ultralytics, of fixed size.
        calibration: the images to measure on.
        recipe: what the processor wants.
        exact: weights by least squares, which takes some minutes; else to the nearest level.

    Raises:
        ExportError: the file is no float network of fixed size, or too old.
        ImageError: an image cannot be read.
        MissingExtra: onnx or onnxruntime is not installed.
    """

    def __init__(self, source: Path, calibration: Calibration, recipe: Recipe, *, exact: bool = True) -> None:
        self.source, self.calibration, self.recipe = source, calibration, recipe
        self.network = OnnxNetwork(source, RunOptions(threads=1))
        self._exact = exact
        if self.info.dynamic:
            raise ExportError(
                f"{source}: expected a fixed input size, found a free one",
                hint="8-bit ranges are measured at one size; export with dynamic false",
            )
        self.graph = FloatGraph.read(source, fused_silu=recipe.fused_silu)

    @property
    def info(self) -> NetworkInfo:
        """What the network is."""
        return self.network.info

    @cached_property
    def images(self) -> NDArray[np.float32]:
        """The calibration images as it takes them."""
        return tensors_of(self.calibration.paths, self.info)

    @cached_property
    def ranges(self) -> Ranges:
        """Scales of its tensors."""
        return Ranges(self.graph, self.recipe, self.images)

    @cached_property
    def _least_squares(self) -> LeastSquares:
        return LeastSquares(self.graph, self.images)

    def quantise(self, floats: frozenset[str] = frozenset()) -> Quantised:
        """The network with these convolutions, beside those of the recipe, in float."""
        placement = Placement(self.graph, self.recipe, floats)
        weights = self._least_squares(placement, self.ranges) if self._exact else {}
        return Quantised(placement, weights, insert(placement, self.ranges, weights))

    def write(self, quantised: Quantised, target: Path, **facts: Any) -> None:
        """Write the file, with all metadata of the float one and how it was quantised.

        Args:
            quantised: the network.
            target: the file to write.
            facts: more to tell, as plain values.
        """
        import onnx

        model = type(quantised.model)()
        model.CopyFrom(quantised.model)
        told = {
            "recipe": self.recipe.target,
            "calibration": self.calibration.digest,
            "images": len(self.calibration.images),
            "float": sorted(set(self.graph.convs) - quantised.placement.quantised),
            **facts,
        }
        metadata = {entry.key: entry.value for entry in load_onnx(self.source).metadata_props}
        onnx.helper.set_model_props(model, {**metadata, ENTRY: json.dumps(told)})
        with atomic_path(target) as temporary:
            onnx.save(model, temporary)
