"""Running a model over images and video, and writing down what it finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.edge.artifact import Artifact, open_artifact
from yolo_tl.edge.classifier import Classifier
from yolo_tl.edge.detector import Detector
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.prediction import Prediction
from yolo_tl.edge.stream import frames
from yolo_tl.errors import WriteError
from yolo_tl.files import atomic_path, write_bytes


class AnyDetector(Protocol):
    """What finds boxes: `edge.Detector`, and what is made like it."""

    names: tuple[str, ...]

    def __call__(
        self, image: NDArray[np.uint8], *, confidence: float | None = None, iou: float | None = None
    ) -> Detections:
        """Detections in one BGR image (H, W, 3)."""
        ...


def load_model(
    model: str, *, imgsz: int | None = None, device: str = "auto", trust: bool = False
) -> Detector | Classifier:
    """A checkpoint, a bundle or an exported network, ready to predict; torch is imported for a checkpoint only."""
    artifact = _open(model, imgsz=imgsz, device=device, trust=trust)
    return Classifier(artifact) if artifact.pipeline.info.task == "classify" else Detector(artifact)


def load_detector(model: str, *, imgsz: int | None = None, device: str = "auto", trust: bool = False) -> Detector:
    """The same where only boxes will do.

    Raises:
        UsageError: the model classifies.
    """
    return Detector(_open(model, imgsz=imgsz, device=device, trust=trust))


def _open(model: str, *, imgsz: int | None, device: str, trust: bool) -> Artifact:
    if model.endswith(".pt"):
        from yolo_tl.engine.detector import open_checkpoint
        from yolo_tl.engine.weights import find_weights

        return open_checkpoint(find_weights(model), imgsz=imgsz, device=device, trust=trust)
    return open_artifact(Path(model))


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
