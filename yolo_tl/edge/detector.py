"""The deployed detector: images in, `Detections` out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolo_tl.boxes import Detections
from yolo_tl.edge.artifact import Artifact
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import Image, as_bgr
from yolo_tl.edge.model import Model
from yolo_tl.edge.network import Engine, Head, RunOptions
from yolo_tl.errors import ConfigError, UsageError


class Detector(Model):
    """A model that finds objects: boxes, and by its task masks, turned boxes or keypoints.

    From an ONNX file on the CPU it returns what ``ultralytics.YOLO(file).predict`` does, bit by bit, but never cuts NMS
    off after some time. Two things are computed by libraries that round differently: whether turned boxes overlap too
    much, and where exactly a mask ends (see `yolo_tl.edge.segment`).

    Args:
        model: a bundle, an exported network (see `yolo_tl.edge.artifact`), or an artifact that is open already.
        threads: CPU threads for one network operation; None leaves it to the engine.
        providers: ONNX Runtime execution providers in order of preference; None is the CPU.
        spinning: see `yolo_tl.edge.network.RunOptions`, as for the next one.
        memory_pattern: a little time for memory.
        engine: ``openvino`` runs an ONNX file in OpenVINO; by default its own engine does.

    Attributes:
        head: ``raw``, ``nms-free`` or ``nms`` (see `yolo_tl.edge.network.Head`).
        confidence: default threshold on the score, of classes without one of their own.
        class_confidence: class name → its own default, which a bundle brings whose model was qualified.
        iou: default threshold on the overlap.
        max_det: default for the number of boxes per image.

    Raises:
        BundleError: the model is missing, damaged, changed, or of a kind that is not run here.
        MissingExtra: what runs it is not installed.
        UsageError: it classifies, or an execution provider that this onnxruntime does not have.
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
        if self.task == "classify":
            raise UsageError(
                f"{self.artifact.path}: expected a model that finds boxes, found one for classify",
                hint="open it with yolo_tl.edge.Classifier",
            )
        thresholds = self.artifact.thresholds
        self.head: Head = self.pipeline.info.head
        self.confidence: float = thresholds.confidence
        self.class_confidence: dict[str, float] = {self.names[i]: value for i, value in thresholds.by_class}
        self.iou: float = thresholds.iou
        self.max_det: int = thresholds.max_det
        self._checked = thresholds

    @property
    def thresholds(self) -> Thresholds:
        """The defaults, as they are set now."""
        return self.thresholds_with()

    def thresholds_with(
        self, *, confidence: float | None = None, iou: float | None = None, max_det: int | None = None
    ) -> Thresholds:
        """The defaults but for what is given; a confidence counts for every class.

        Raises:
            ConfigError: a value out of range.
        """
        by_class: tuple[tuple[int, float], ...] = ()
        if confidence is None:
            by_class = tuple((self.names.index(name), value) for name, value in self.class_confidence.items())
            confidence = self.confidence
        iou = self.iou if iou is None else iou
        max_det = self.max_det if max_det is None else max_det
        last = self._checked
        if last.confidence is confidence and last.iou is iou and last.max_det is max_det and last.by_class == by_class:
            return last
        self._checked = checked = Thresholds(confidence, iou, max_det, by_class)
        return checked

    def __call__(
        self,
        image: Image,
        *,
        confidence: float | None = None,
        iou: float | None = None,
        max_det: int | None = None,
        classes: Sequence[int] | None = None,
    ) -> Detections:
        """Detect in one image (H, W, 3) uint8 BGR; see `predict`."""
        (found,) = self.predict([image], confidence=confidence, iou=iou, max_det=max_det, classes=classes)
        return found

    def predict(
        self,
        images: Sequence[Image],
        *,
        confidence: float | None = None,
        iou: float | None = None,
        max_det: int | None = None,
        classes: Sequence[int] | None = None,
    ) -> list[Detections]:
        """Detect in several images at once.

        A network of fixed batch size runs as often as it takes; one of free batch size runs
        once, so the caller decides how much memory that needs. If it is dynamic in height and
        width, images of one shape are padded to a small rectangle, images of different shapes
        to `imgsz`: then an image alone and among others can differ in the last digits.

        Args:
            images: each (H, W, 3) uint8 BGR, or grey (H, W) or (H, W, 1), of any size.
            confidence: scores must be above it, whatever their class; by default above `confidence`,
                or `class_confidence` of their class. The ``nms`` head has its own threshold inside
                the graph, and a lower one here brings nothing back.
            iou: two boxes of a class that overlap more are one; only the ``raw`` head uses it.
            max_det: at most so many boxes per image. Masks take a byte per pixel of the image and box.
            classes: keep only these class numbers.

        Returns:
            One `Detections` per image, in px of that image, best first.

        Raises:
            ConfigError: a threshold or class number out of range.
            ImageError: an array that is not an image.
            RuntimeFailure: the network failed or put out NaN.
        """
        thresholds = self.thresholds_with(confidence=confidence, iou=iou, max_det=max_det)
        self._require_classes(classes)
        sources = [as_bgr(image) for image in images]
        results = self.pipeline(sources, thresholds=thresholds, classes=classes) if sources else []
        return [found for found in results if isinstance(found, Detections)]  # one network has one task

    def _require_classes(self, classes: Sequence[int] | None) -> None:
        unknown = [number for number in classes or [] if number not in range(len(self.names))]
        if unknown:
            raise ConfigError(
                f"classes: expected class numbers from 0 to {len(self.names) - 1}, found {unknown}",
                hint=f"the classes are {', '.join(f'{i} {name}' for i, name in enumerate(self.names[:20]))}",
            )
