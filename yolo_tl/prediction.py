"""Running a model over images and video, and writing down what it finds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.edge.artifact import Artifact, open_artifact
from yolo_tl.edge.classifier import Classifier
from yolo_tl.edge.detector import Detector
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.image import read_image
from yolo_tl.edge.prediction import Prediction
from yolo_tl.edge.stream import frames
from yolo_tl.edge.tiled import TiledDetector
from yolo_tl.edge.tiling import Tiling
from yolo_tl.errors import UsageError, WriteError
from yolo_tl.files import atomic_path, write_bytes

if TYPE_CHECKING:
    from yolo_tl.data.dataset import Dataset
    from yolo_tl.evaluation.predictions import Predictions


class AnyDetector(Protocol):
    """What finds boxes: `edge.Detector`, and what is made like it."""

    names: tuple[str, ...]

    def __call__(
        self, image: NDArray[np.uint8], *, confidence: float | None = None, iou: float | None = None
    ) -> Detections:
        """Detections in one BGR image (H, W, 3)."""
        ...


def load_model(
    model: str, *, imgsz: int | None = None, device: str = "auto", trust: bool = False, tiling: Tiling | None = None
) -> Detector | Classifier:
    """A checkpoint, a bundle or an exported network, ready to predict; torch is imported for a checkpoint only.

    Raises:
        UsageError: tiles of images for a model that classifies.
    """
    artifact = _open(model, imgsz=imgsz, device=device, trust=trust)
    if artifact.pipeline.info.task != "classify":
        return _tiled(Detector(artifact), tiling)
    if tiling is not None:
        raise UsageError(f"{model}: expected a model that finds boxes, for a tile has no class of its own")
    return Classifier(artifact)


def load_detector(
    model: str,
    *,
    imgsz: int | None = None,
    device: str = "auto",
    head: str = "auto",
    trust: bool = False,
    tiling: Tiling | None = None,
) -> Detector:
    """The same where only boxes will do; `model` may also be a run folder, which stands for its best checkpoint.

    Raises:
        UsageError: the model classifies.
    """
    return _tiled(Detector(_open(model, imgsz=imgsz, device=device, head=head, trust=trust)), tiling)


def _tiled(detector: Detector, tiling: Tiling | None) -> Detector:
    if tiling is None:
        return detector
    return TiledDetector(
        detector,
        tile=tiling.tile,
        overlap=tiling.overlap,
        largest_object=tiling.largest_object,
        overview=tiling.overview,
    )


def _open(model: str, *, imgsz: int | None, device: str, trust: bool, head: str = "auto") -> Artifact:
    if model.endswith(".pt") or (Path(model) / "run.yaml").is_file():
        from yolo_tl.engine.detector import open_checkpoint
        from yolo_tl.engine.weights import checkpoint_of, find_weights

        weights = find_weights(os.fspath(checkpoint_of(model)))
        return open_checkpoint(weights, imgsz=imgsz, device=device, head=head, trust=trust)
    return open_artifact(Path(model))


def predict_split(detector: Detector, dataset: Dataset, split: str) -> Predictions:
    """What a detector says of each image of a split, of every class down to the lowest confidence, beside its labels.

    Images are prepared and put together as they are in use, so that scores are those of what is deployed; Ultralytics'
    ``val()`` pads them otherwise.

    Raises:
        DataError: the split does not exist, or the classes differ.
        ImageError: an image cannot be read.
        UsageError: it finds more than upright boxes, which are not what the labels would be compared with.
    """
    from yolo_tl.evaluation.inspection.units import LOWEST
    from yolo_tl.evaluation.looking import predictions_of

    if detector.task != "detect":
        raise UsageError(f"{detector.artifact.path}: expected a model of the task detect, found {detector.task}")
    of_every_class = tuple((number, LOWEST) for number in range(len(detector.names)))
    thresholds = replace(detector.thresholds_with(confidence=LOWEST), by_class=of_every_class)

    def look(path: Path) -> tuple[Detections, tuple[int, int]]:
        image = read_image(path)
        found = detector.observe(Frame(image, str(path), 0, str(path)), thresholds=thresholds).result
        assert isinstance(found, Detections)  # the task is not to classify
        return found, (image.shape[0], image.shape[1])

    return predictions_of(look, dataset, split, names=detector.names, model=str(detector.artifact.path))


def run(
    model: Detector | Classifier,
    source: str,
    *,
    out: Path | None = None,
    confidence: float | None,
    iou: float | None,
) -> Iterator[Prediction]:
    """Look at every frame of `source`; with `out`, write pictures and ``detections.jsonl`` there.

    A model that classifies writes ``classes.jsonl``, and has no use for the two thresholds.

    Raises:
        ImageError: an image cannot be read.
        WriteError: an output cannot be written.
    """
    thresholds = model.thresholds_with(confidence=confidence, iou=iou) if isinstance(model, Detector) else None
    with ExitStack() as stack:
        lines = None
        if out is not None:
            name = "detections.jsonl" if isinstance(model, Detector) else "classes.jsonl"
            path = stack.enter_context(atomic_path(out / name))
            lines = stack.enter_context(path.open("w", encoding="utf-8"))
        used: set[str] = set()
        for number, (label, image) in enumerate(frames(source)):
            prediction = model.observe(Frame(image, source, number, label), thresholds=thresholds)
            if lines is not None and out is not None:
                lines.write(json.dumps(prediction.to_dict(), ensure_ascii=False) + "\n")
                _write_picture(out / f"{_free_name(label, used)}.jpg", prediction.draw())
            yield prediction


def _free_name(label: str, used: set[str]) -> str:
    """A file name for the picture of `label`, numbered where images of several folders share one.

    >>> used = set()
    >>> [_free_name(label, used) for label in ("a/x.png", "b/x.png", "clip.mp4#12")]
    ['x', 'x-2', 'clip-12']
    """
    path, _, frame = label.partition("#") if not Path(label).exists() else (label, "", "")
    stem = f"{Path(path).stem}-{frame}" if frame else Path(path).stem
    name, number = stem, 1
    while name in used:
        number += 1
        name = f"{stem}-{number}"
    used.add(name)
    return name


def _write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    import cv2

    encoded, content = cv2.imencode(".jpg", picture)
    if not encoded:
        raise WriteError(f"{path}: the annotated picture could not be encoded")
    write_bytes(path, content.tobytes())
