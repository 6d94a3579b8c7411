"""The deployed classifier: images in, `Classification` out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolo_tl.edge.artifact import Artifact
from yolo_tl.edge.classification import Classification
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import Image, as_bgr
from yolo_tl.edge.model import Model
from yolo_tl.edge.network import Engine, RunOptions
from yolo_tl.errors import UsageError


class Classifier(Model):
    """A model of the task classify.

    From an ONNX file on the CPU it returns the probabilities of ``ultralytics.YOLO(file).predict`` bit by bit.

    Args:
        model: a bundle, an exported network (see `yolo_tl.edge.artifact`), or an artifact that is open already.
        threads: CPU threads for one network operation; None leaves it to the engine.
        providers: ONNX Runtime execution providers in order of preference; None is the CPU.
        spinning: see `yolo_tl.edge.network.RunOptions`, as for the next one.
        memory_pattern: a little time for memory.
        engine: ``openvino`` runs an ONNX file in OpenVINO; by default its own engine does.

    Raises:
        BundleError: the model is missing, damaged, changed, or of a kind that is not run here.
        MissingExtra: what runs it is not installed.
        UsageError: it finds boxes, or an execution provider that this onnxruntime does not have.
    """

    def __init__(
        self,
        model: Path | str | Artifact,
        *,
        threads: int | None = None,
        providers: Sequence[Any] | None = None,
        spinning: bool = False,
        memory_pattern: bool = False,
        engine: Engine = "auto",
    ) -> None:
        options = RunOptions(threads, tuple(providers or ()), spinning, memory_pattern, engine=engine)
        super().__init__(model, options)
        if self.task != "classify":
            raise UsageError(
                f"{self.artifact.path}: expected a model that classifies, found one for {self.task}",
                hint="open it with yolo_tl.edge.Detector",
            )

    def __call__(self, image: Image) -> Classification:
        """Classify one image (H, W, 3) uint8 BGR; see `predict`."""
        (said,) = self.predict([image])
        return said

    def predict(self, images: Sequence[Image]) -> list[Classification]:
        """Classify several images at once; what counts is the middle of each, as high and wide as its shorter side.

        Args:
            images: each (H, W, 3) uint8 BGR, or grey (H, W) or (H, W, 1), of any size.

        Raises:
            ImageError: an array that is not an image.
            RuntimeFailure: the network failed or put out NaN.
        """
        sources = [as_bgr(image) for image in images]
        results = self.pipeline(sources, thresholds=Thresholds()) if sources else []
        return [said for said in results if isinstance(said, Classification)]  # one network has one task
