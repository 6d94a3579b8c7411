"""The three stages of a detector: image → tensor, tensor → outputs, outputs → what was found.

They are apart, so that two artifacts can exchange one of them and show in which they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from yolo_tl.boxes import Detections
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import Image
from yolo_tl.edge.network import Network, NetworkInfo, Outputs
from yolo_tl.edge.postprocess import postprocess
from yolo_tl.edge.preprocess import Frame, Preprocess


@dataclass(frozen=True)
class Pipeline:
    """A network with what comes before it; what comes after follows from what the network is.

    Attributes:
        network: the loaded network.
        preprocess: what is done to images.
    """

    network: Network
    preprocess: Preprocess = field(default_factory=Preprocess)

    @property
    def info(self) -> NetworkInfo:
        """What the network is."""
        return self.network.info

    def __call__(
        self, images: Sequence[Image], *, thresholds: Thresholds, classes: Sequence[int] | None = None
    ) -> list[Detections]:
        """What is found in each image, all in one run.

        Args:
            images: each (H, W, 3) uint8 BGR, of any size; one at least.
            thresholds: what counts.
            classes: keep only these class numbers.

        Raises:
            BundleError: the network cannot be run.
            RuntimeFailure: it put out NaN.
        """
        tensor, frames = self.preprocess(images, self.info)
        return self.read(self.network.run(tensor), frames, thresholds=thresholds, classes=classes)

    def read(
        self, outputs: Outputs, frames: Sequence[Frame], *, thresholds: Thresholds, classes: Sequence[int] | None = None
    ) -> list[Detections]:
        """What the outputs (B, ...) of a run say of each of its B images."""
        return [
            postprocess(
                tuple(output[i] for output in outputs), frame, self.info, thresholds=thresholds, classes=classes
            )
            for i, frame in enumerate(frames)
        ]
