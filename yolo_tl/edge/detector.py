"""The deployed detector: images in, `Detections` out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolo_tl.boxes import Detections
from yolo_tl.edge.artifact import open_artifact
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.image import Image, as_bgr
from yolo_tl.edge.network import Head, RunOptions
from yolo_tl.errors import ConfigError


class Detector:
    """A detector from a bundle folder, or from an ONNX file exported by Ultralytics.

    On the same ONNX file and CPU it returns the boxes, scores, classes and order of
    ``ultralytics.YOLO(file).predict`` bit by bit, but never cuts NMS off after some time.

    Args:
        path: a folder with a ``manifest.json``, or an ``.onnx`` file.
        threads: CPU threads for one network operation; None leaves it to ONNX Runtime
            (one for each physical core).
        providers: ONNX Runtime execution providers in order of preference; None is the CPU.

    Attributes:
        names: class names in order of class number.
        imgsz: height and width of the network's input in px.
        head: ``raw``, ``nms-free`` or ``nms`` (see `yolo_tl.edge.network.Head`).
        dynamic: whether other input sizes than `imgsz` are accepted; then images are
            padded only to the next multiple of the stride.
        batch: the one batch size the network accepts, or None.
        confidence: default threshold on the score, of classes without one of their own.
        class_confidence: class name → its own default, which a bundle brings whose model was qualified.
        iou: default threshold on the overlap.
        max_det: default for the number of boxes per image.

    Raises:
        BundleError: the model is missing, damaged, changed, or of a kind that is not run here.
        MissingExtra: onnxruntime is not installed.
        UsageError: an execution provider that this onnxruntime does not have.
    """

    def __init__(self, path: Path | str, *, threads: int | None = None, providers: Sequence[Any] | None = None) -> None:
        artifact = open_artifact(Path(path), RunOptions(threads=threads, providers=tuple(providers or ())))
        self._pipeline = artifact.pipeline
        info, thresholds = artifact.pipeline.info, artifact.thresholds
        self.names: tuple[str, ...] = info.names
        self.imgsz: tuple[int, int] = info.imgsz
        self.head: Head = info.head
        self.dynamic: bool = info.dynamic
        self.batch: int | None = info.batch
        self.confidence: float = thresholds.confidence
        self.class_confidence: dict[str, float] = {self.names[i]: value for i, value in thresholds.by_class}
        self.iou: float = thresholds.iou
        self.max_det: int = thresholds.max_det

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
            max_det: at most so many boxes per image.
            classes: keep only these class numbers.

        Returns:
            One `Detections` per image, in px of that image, best first.

        Raises:
            ConfigError: a threshold or class number out of range.
            ImageError: an array that is not an image.
            RuntimeFailure: the network failed or put out NaN.
        """
        thresholds = Thresholds(
            confidence=self.confidence if confidence is None else confidence,
            iou=self.iou if iou is None else iou,
            max_det=self.max_det if max_det is None else max_det,
            by_class=self._by_class() if confidence is None else (),
        )
        self._require_classes(classes)
        sources = [as_bgr(image) for image in images]
        return self._pipeline(sources, thresholds=thresholds, classes=classes) if sources else []

    def _by_class(self) -> tuple[tuple[int, float], ...]:
        return tuple((self.names.index(name), value) for name, value in self.class_confidence.items())

    def _require_classes(self, classes: Sequence[int] | None) -> None:
        unknown = [number for number in classes or [] if number not in range(len(self.names))]
        if unknown:
            raise ConfigError(
                f"classes: expected class numbers from 0 to {len(self.names) - 1}, found {unknown}",
                hint=f"the classes are {', '.join(f'{i} {name}' for i, name in enumerate(self.names[:20]))}",
            )
