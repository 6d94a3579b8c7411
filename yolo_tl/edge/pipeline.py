"""The three stages of a model: image → tensor, tensor → outputs, outputs → what was found.

They are apart, so that two artifacts can exchange one of them and show in which they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import Image
from yolo_tl.edge.network import Network, NetworkInfo, Outputs
from yolo_tl.edge.postprocess import Result, postprocess
from yolo_tl.edge.preprocess import Geometry, Preprocess


@dataclass(frozen=True, init=False)
class Pipeline:
    """A network with what comes before it; what comes after follows from what the network is.

    Args:
        network: the loaded network.
        preprocess: what is done to images; by default what Ultralytics does for the network's task.
    """

    network: Network
    preprocess: Preprocess

    def __init__(self, network: Network, preprocess: Preprocess | None = None) -> None:
        object.__setattr__(self, "network", network)
        object.__setattr__(self, "preprocess", preprocess or Preprocess.of(network.info.task))

    @property
    def info(self) -> NetworkInfo:
        """What the network is."""
        return self.network.info

    def __call__(
        self, images: Sequence[Image], *, thresholds: Thresholds, classes: Sequence[int] | None = None
    ) -> list[Result]:
        """What is found in each image, all in one run.

        Args:
            images: each (H, W, 3) uint8 BGR, of any size; one at least.
            thresholds: what counts; of no effect for the task classify.
            classes: keep only these class numbers; of no effect for the task classify.

        Raises:
            BundleError: the network cannot be run.
            RuntimeFailure: it put out NaN.
        """
        tensor, geometries = self.preprocess(images, self.info)
        return self.read(self.network.run(tensor), geometries, thresholds=thresholds, classes=classes)

    def read(
        self,
        outputs: Outputs,
        geometries: Sequence[Geometry],
        *,
        thresholds: Thresholds,
        classes: Sequence[int] | None = None,
    ) -> list[Result]:
        """What the outputs (B, ...) of a run say of each of its B images."""
        return [
            postprocess(
                tuple(output[i] for output in outputs), geometry, self.info, thresholds=thresholds, classes=classes
            )
            for i, geometry in enumerate(geometries)
        ]
