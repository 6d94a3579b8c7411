"""Which layers stay in float: those whose rounding is seen most for the time that 8 bits save there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.config import GateLimits
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.network import RunOptions
from yolo_tl.edge.onnx import OnnxNetwork
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.edge.preprocess import Preprocess
from yolo_tl.exporting.gate import Samples, judge
from yolo_tl.exporting.quantisation.calibration import tensors_of
from yolo_tl.exporting.quantisation.graph import session
from yolo_tl.exporting.quantisation.insertion import insert
from yolo_tl.exporting.quantisation.placement import Placement
from yolo_tl.exporting.quantisation.profiling import conv_times
from yolo_tl.exporting.quantisation.quantiser import Quantised, Quantiser

_IMAGES = 16  # on which the error of each layer is measured
_CHEAPEST = 1.0  # µs that a layer costs at least, so that benefits can be divided by it


@dataclass(frozen=True)
class Verdict:
    """How a quantised network compares with the float one on the images of the search.

    Attributes:
        floats: convolutions in float by the search.
        flips: share of images on which another number of objects is found.
        map_loss: of mAP50-95, or accuracy; None where the images have no labels.
        held: whether both limits hold.
    """

    floats: tuple[str, ...]
    flips: float
    map_loss: float | None
    held: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Layer:
    """What a convolution in float would bring.

    Attributes:
        name: of the convolution.
        benefit: by how much the variance of the scores' error falls.
        cost: time it takes more than in 8 bits, µs; where that is not known, its multiplications in millions.
    """

    name: str
    benefit: float
    cost: float


@dataclass(frozen=True, eq=False)
class Search:
    """The result of a search.

    Attributes:
        quantised: the network that was settled on.
        verdicts: of each network that was tried, the last one's last.
        layers: what was measured, most benefit for its cost first; empty where nothing had to be in float.
    """

    quantised: Quantised
    verdicts: tuple[Verdict, ...]
    layers: tuple[Layer, ...] = ()


def search(
    start: Quantised,
    *,
    judged: Callable[[Quantised], Verdict],
    rank: Callable[[Quantised], list[Layer]],
    requantise: Callable[[frozenset[str]], Quantised],
) -> Search:
    """Leave more and more layers in float, until the limits hold or no layer would help.

    Twice as many each time, so that a network of a hundred layers is tried seven times at most.

    Args:
        start: the network with everything in 8 bits that the recipe allows.
        judged: compares a network with the float one.
        rank: the layers that would help, best first.
        requantise: the network with more layers in float.
    """
    verdicts = [judged(start)]
    if verdicts[0].held:
        return Search(start, tuple(verdicts))
    layers = [layer for layer in rank(start) if layer.benefit > 0]
    found, count = start, 1
    while layers and not verdicts[-1].held:
        chosen = layers[:count]
        found = requantise(frozenset(layer.name for layer in chosen))
        verdicts.append(judged(found))
        if len(chosen) == len(layers):
            break
        count *= 2
    return Search(found, tuple(verdicts), tuple(layers))


class Sensitivity:
    """What `search` asks, answered for one network on images that no gate judges.

    Args:
        quantiser: of the network.
        samples: images of the train split that ranges were not measured on. (Scores on images a network was trained
            with are further from the threshold than on others: fewer of them flip.)
        limits: of these, flips and loss of mAP are looked at.
        thresholds: the operating point.
        timed: whether the processor is the one that the recipe is for.
    """

    def __init__(
        self, quantiser: Quantiser, samples: Samples, *, limits: GateLimits, thresholds: Thresholds, timed: bool
    ) -> None:
        self._quantiser, self._samples, self._thresholds, self._timed = quantiser, samples, thresholds, timed
        self._limits = replace(limits, tensor_box=None, tensor_score=None, box=None, score=None)

    def search(self) -> Search:
        """Search from the network with everything in 8 bits that the recipe allows."""
        start = self._quantiser.quantise()
        return search(start, judged=self.judged, rank=self.rank, requantise=self._quantiser.quantise)

    def judged(self, quantised: Quantised) -> Verdict:
        """Compare with the float network at the operating point."""
        source = self._quantiser.network
        prepare = Preprocess.of(source.info.task)
        with tempfile.TemporaryDirectory(prefix="yolo_tl-search-") as folder:
            path = Path(folder) / "model.onnx"
            self._quantiser.write(quantised, path)
            result = judge(
                Pipeline(source, prepare),
                Pipeline(OnnxNetwork(path, RunOptions(threads=1)), prepare),
                self._samples,
                limits=self._limits,
                thresholds=self._thresholds,
            )
        floats = tuple(sorted(quantised.placement.floats))
        broken = {failure.limit for failure in result.failures}
        return Verdict(floats, result.share.rate, result.scores.loss, not broken & {"flips", "map_loss"})

    def rank(self, quantised: Quantised) -> list[Layer]:
        """What each convolution in 8 bits would bring in float, most benefit for its cost first.

        Every weight is at its nearest level here: fitted ones make up for the losses of layers before them, and would
        be wrong without these losses.
        """
        placement, ranges = quantised.placement, self._quantiser.ranges
        names = sorted(placement.quantised)
        whole = self._error(insert(placement, ranges, {}))
        costs = self._costs(quantised)
        layers = []
        for name in names:
            without = Placement(placement.graph, placement.recipe, placement.floats | {name})
            benefit = whole - self._error(insert(without, ranges, {}))
            layers.append(Layer(name, benefit, max(costs[name], _CHEAPEST)))
        return sorted(layers, key=lambda layer: -layer.benefit / layer.cost)

    def _costs(self, quantised: Quantised) -> Mapping[str, float]:
        """Of each convolution: measured where it can be, else its multiplications."""
        graph, names = self._quantiser.graph, quantised.placement.quantised
        convs = [graph.convs[name] for name in names]
        feeds = [self._feed(i) for i in range(len(self._images))]
        before, after = (
            (conv_times(model, convs, feeds) for model in (graph.model, quantised.model)) if self._timed else ({}, {})
        )
        if all(name in before and name in after for name in names):
            return {name: before[name] - after[name] for name in names}
        tensors = [conv.output for conv in convs]
        shapes = [value.shape for value in session(graph.model, tensors).run(tensors, self._feed(0))]
        return {
            conv.name: conv.weight.size * shape[2] * shape[3] / 1e6 for conv, shape in zip(convs, shapes, strict=True)
        }

    @cached_property
    def _images(self) -> NDArray[np.float32]:
        chosen = [sample.image for sample in self._samples.images[:_IMAGES]]
        return tensors_of(chosen, self._quantiser.info)

    @cached_property
    def _watched(self) -> list[str]:
        """The tensors that scores are made of, or the output where they are not found."""
        graph, classes = self._quantiser.graph, len(self._quantiser.info.names)
        found = [graph.convs[name].output for name in sorted(graph.last) if len(graph.convs[name].weight) == classes]
        return found or [graph.model.graph.output[0].name]

    @cached_property
    def _exact(self) -> list[list[NDArray[np.float64]]]:
        return self._scores(self._quantiser.graph.model)

    def _error(self, model: Any) -> float:
        """Variance of the scores' error, over all images and places that any of both takes for something.

        What all scores are off by is left out: the weights that are fitted in the end make up for that.
        """
        errors = [
            (a - b)[np.maximum(a, b) > self._thresholds.confidence / 4]
            for exact, found in zip(self._exact, self._scores(model), strict=True)
            for a, b in zip(exact, found, strict=True)
        ]
        every = np.concatenate(errors)
        return float(every.var()) if len(every) else 0.0

    def _scores(self, model: Any) -> list[list[NDArray[np.float64]]]:
        network = session(model, self._watched)
        logits = self._watched[0] != self._quantiser.graph.model.graph.output[0].name
        runs = (network.run(self._watched, self._feed(i)) for i in range(len(self._images)))
        return [[1 / (1 + np.exp(-value.astype(np.float64))) if logits else value for value in run] for run in runs]

    def _feed(self, i: int) -> dict[str, NDArray[np.float32]]:
        return self._quantiser.graph.feed(self._images[i])
