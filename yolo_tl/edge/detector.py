"""The deployed detector: images in, `Detections` out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolo_tl.boxes import Detections
from yolo_tl.edge.decode import Head, Thresholds, decode
from yolo_tl.edge.image import Image, as_bgr
from yolo_tl.edge.letterbox import letterbox, to_tensor, unletterbox
from yolo_tl.edge.manifest import FILE, Manifest
from yolo_tl.edge.onnx import OnnxModel
from yolo_tl.errors import BundleError, ConfigError


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
        head: ``raw``, ``nms-free`` or ``nms`` (see `yolo_tl.edge.decode.Head`).
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
        path = Path(path)
        if threads is not None and threads < 1:
            raise ConfigError(f"threads: expected a positive number or None, found {threads}")
        manifest = Manifest.read(path) if path.is_dir() else None
        self._model = OnnxModel(manifest.model if manifest else _onnx_file(path), threads=threads, providers=providers)
        if manifest:
            _require_agreement(manifest, self._model)
        thresholds = manifest.thresholds if manifest else Thresholds()
        self.names: tuple[str, ...] = self._model.names
        self.imgsz: tuple[int, int] = self._model.imgsz
        self.head: Head = self._model.head
        self.dynamic: bool = self._model.dynamic
        self.batch: int | None = self._model.batch
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
        if not sources:
            return []
        rectangle = self.dynamic and len({source.shape for source in sources}) == 1
        stride = self._model.stride if rectangle else None
        tensor = to_tensor([letterbox(source, self.imgsz, stride=stride) for source in sources])
        canvas = (tensor.shape[2], tensor.shape[3])
        found = []
        for source, output in zip(sources, self._model.run(tensor), strict=True):
            rows = decode(output, head=self.head, thresholds=thresholds, classes=classes)
            rows[:, :4] = unletterbox(rows[:, :4], canvas=canvas, image=(source.shape[0], source.shape[1]))
            found.append(Detections.from_rows(rows))
        return found

    def _by_class(self) -> tuple[tuple[int, float], ...]:
        return tuple((self.names.index(name), value) for name, value in self.class_confidence.items())

    def _require_classes(self, classes: Sequence[int] | None) -> None:
        unknown = [number for number in classes or [] if number not in range(len(self.names))]
        if unknown:
            raise ConfigError(
                f"classes: expected class numbers from 0 to {len(self.names) - 1}, found {unknown}",
                hint=f"the classes are {', '.join(f'{i} {name}' for i, name in enumerate(self.names[:20]))}",
            )


def _onnx_file(path: Path) -> Path:
    if not path.exists():
        raise BundleError(f"{path}: expected a bundle folder or an .onnx file, found nothing", hint="check the path")
    if path.suffix.lower() != ".onnx":
        raise BundleError(
            f"{path}: expected a bundle folder (with {FILE}) or an .onnx file",
            hint="export the checkpoint first: yolo-tl export",
        )
    return path


def _require_agreement(manifest: Manifest, model: OnnxModel) -> None:
    """A manifest of another model would put wrong names on right boxes."""
    for key, said, found in (
        ("task", manifest.task, "detect"),
        ("names", manifest.names, model.names),
        ("head", manifest.head, model.head),
    ):
        if said != found:
            raise BundleError(
                f"{manifest.path}: {key}: the manifest says {said}, {manifest.model.name} says {found}",
                hint="build the bundle again with yolo-tl export",
            )
