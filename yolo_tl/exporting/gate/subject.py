"""A pipeline that is asked about one image after the other, its answers in class numbers that both sides share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import Image
from yolo_tl.edge.network import Outputs
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.edge.postprocess import Result, postprocess
from yolo_tl.edge.preprocess import Geometry
from yolo_tl.exporting.gate.classes import translated


@dataclass(frozen=True, eq=False)
class Said:
    """What became of one image.

    Attributes:
        tensor: (1, 3, H, W) that the network was given.
        geometry: where the image lies in it.
        outputs: of the network, without the batch axis.
    """

    tensor: NDArray[np.float32]
    geometry: Geometry
    outputs: Outputs


class Subject:
    """One of the artifacts that are compared.

    Args:
        pipeline: its stages.
        names: class names that the answers are numbered by.
        numbers: (own classes,) their places among `names`.
        thresholds: the operating point, its classes numbered by `names`.
    """

    def __init__(
        self, pipeline: Pipeline, names: Sequence[str], numbers: NDArray[np.int64], thresholds: Thresholds
    ) -> None:
        self.pipeline = pipeline
        self._names, self._numbers = names, numbers
        self.thresholds = thresholds

    def look(self, images: Sequence[Image]) -> Iterator[Said]:
        """Run the network on each image (H, W, 3) uint8 BGR.

        Images go together only through a network of one fixed batch size. One that is free in height and width pads
        an image that comes alone to a smaller rectangle, and on a device images come alone.
        """
        info = self.pipeline.info
        step = 1 if info.dynamic else info.batch or 1
        for start in range(0, len(images), step):
            tensor, geometries = self.pipeline.preprocess(images[start : start + step], info)
            outputs = self.pipeline.network.run(tensor)
            for i, geometry in enumerate(geometries):
                yield Said(tensor[i : i + 1], geometry, tuple(output[i] for output in outputs))

    def takes(self, tensor: NDArray[np.float32]) -> bool:
        """Whether the network takes images of this height and width."""
        return self.pipeline.info.dynamic or tuple(tensor.shape[2:]) == tuple(self.pipeline.info.imgsz)

    def outputs(self, tensor: NDArray[np.float32]) -> Outputs:
        """The network alone: a tensor (1, 3, H, W) → its outputs without the batch axis."""
        return tuple(output[0] for output in self.pipeline.network.run(tensor))

    def read(self, said: Said, thresholds: Thresholds | None = None) -> Detections:
        """What is found, at the operating point by default; not for the task classify."""
        own = self._own(self.thresholds if thresholds is None else thresholds)
        return self._numbered(postprocess(said.outputs, said.geometry, self.pipeline.info, thresholds=own))

    def read_boxes(self, said: Said, thresholds: Thresholds) -> Detections:
        """The same without masks, of which hundreds at the lowest confidence would fill the memory."""
        info = self.pipeline.info
        plain = replace(info, task="detect") if info.task == "segment" else info
        return self._numbered(postprocess(said.outputs, said.geometry, plain, thresholds=self._own(thresholds)))

    def probabilities(self, said: Said) -> NDArray[np.float64]:
        """Of the task classify: (classes of both,) the probability of each."""
        shared = np.zeros(len(self._names))
        shared[self._numbers] = said.outputs[0]
        return shared

    def _own(self, thresholds: Thresholds) -> Thresholds:
        return translated(thresholds, self._names, self.pipeline.info.names)

    def _numbered(self, found: Result) -> Detections:
        assert isinstance(found, Detections)
        return replace(found, class_id=self._numbers[found.class_id])
