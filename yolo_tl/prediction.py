"""Running a model over images and video, and writing down what it finds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Detections
from yolo_tl.edge.draw import draw
from yolo_tl.edge.stream import frames
from yolo_tl.errors import WriteError
from yolo_tl.files import atomic_path, write_bytes


class AnyDetector(Protocol):
    """What `edge.Detector` and the engine's `CheckpointDetector` have in common."""

    names: tuple[str, ...]

    def __call__(
        self, image: NDArray[np.uint8], *, confidence: float | None = None, iou: float | None = None
    ) -> Detections:
        """Detections in one BGR image (H, W, 3)."""
        ...


@dataclass(frozen=True)
class Prediction:
    """What was found in one image or video frame.

    Attributes:
        image: its path, or the video's path with the frame number.
        detections: boxes in px of that image.
        names: class names by index.
    """

    image: str
    detections: Detections
    names: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """``{image, detections: [{box, confidence, class_id, name}]}``."""
        return {"image": self.image, "detections": self.detections.to_rows(self.names)}

    def describe(self) -> str:
        """``2 RBC, 1 WBC``."""
        found = Counter(self.names[i] for i in self.detections.class_id)
        return ", ".join(f"{count} {name}" for name, count in sorted(found.items())) or "nothing found"


def load_detector(model: str, *, imgsz: int | None = None, device: str = "auto", trust: bool = False) -> AnyDetector:
    """The detector for a checkpoint, a bundle or an ONNX file; torch is imported for a checkpoint only."""
    if model.endswith(".pt"):
        from yolo_tl.engine.detector import CheckpointDetector
        from yolo_tl.engine.weights import find_weights

        return CheckpointDetector(find_weights(model), imgsz=imgsz, device=device, trust=trust)
    from yolo_tl.edge import Detector

    return Detector(model)


def run(
    detector: AnyDetector, source: str, *, out: Path | None = None, confidence: float | None, iou: float | None
) -> Iterator[Prediction]:
    """Detect in every frame of `source`; with `out`, write pictures and ``detections.jsonl`` there.

    Raises:
        ImageError: an image cannot be read.
        WriteError: an output cannot be written.
    """
    with ExitStack() as stack:
        lines = None
        if out is not None:
            path = stack.enter_context(atomic_path(out / "detections.jsonl"))
            lines = stack.enter_context(path.open("w", encoding="utf-8"))
        used: set[str] = set()
        for label, image in frames(source):
            found = detector(image, confidence=confidence, iou=iou)
            prediction = Prediction(label, found, detector.names)
            if lines is not None and out is not None:
                lines.write(json.dumps(prediction.to_json(), ensure_ascii=False) + "\n")
                _write_picture(out / f"{_free_name(label, used)}.jpg", draw(image, found, detector.names))
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
