"""A model that answers requests: loaded once for each worker, proven before its first."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.edge.classifier import Classifier
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.detector import Detector
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.golden import check_golden, golden_images, has_golden
from yolo_tl.edge.image import Image
from yolo_tl.edge.network import RunOptions
from yolo_tl.edge.opening import open_model
from yolo_tl.edge.postprocess import Result
from yolo_tl.errors import BundleError, ParityError, RuntimeFailure

AnyModel = Detector | Classifier

_PX, _SCORE = 0.5, 0.01  # the same engine on the same image; more than that is no rounding


class ServedModel:
    """A model that is open, once for each worker: engines need not bear two threads.

    Args:
        path: a bundle or an exported network.
        count: number of workers.
        options: how its network is run.

    Attributes:
        sha256: of what is loaded: a bundle's manifest, or a network's file. What becomes of the file later is of no
            matter: a model is in memory.
        loaded: Unix time in s.
        proven: whether it has a golden set, which came out as it has to.

    Raises:
        BundleError: it is missing, damaged, or changed while it was loaded.
        ParityError: its golden set comes out otherwise.
    """

    def __init__(self, path: Path, *, count: int, options: RunOptions) -> None:
        self.path = path
        self._engines: SimpleQueue[AnyModel] = SimpleQueue()
        models = [open_model(path, options) for _ in range(count)]
        for model in models:
            self._engines.put(model)
        self._first = first = models[0]
        self.sha256 = first.sha256
        if any(model.sha256 != self.sha256 for model in models):
            raise BundleError(f"{path}: changed while it was loaded", hint="write a bundle beside it, under a new name")
        self.proven = has_golden(first.artifact)
        if self.proven and not (result := check_golden(first.artifact)).passed:
            raise ParityError(
                f"{path}: the golden set comes out differently here: {result.describe()}",
                hint="see yolo-tl selftest; this model is not served",
            )
        self._image = golden_images(first.artifact)[0] if self.proven else _noise(first)
        self._expected = self._look(first)
        self.loaded = time.time()

    @property
    def task(self) -> str:
        """What it was trained for."""
        return self._first.task

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in order of class number."""
        return self._first.names

    @property
    def thresholds(self) -> Thresholds | None:
        """The operating point; None of a model that classifies."""
        return self._first.thresholds if isinstance(self._first, Detector) else None

    @contextmanager
    def engine(self) -> Iterator[AnyModel]:
        """One of its engines, for this thread alone."""
        model = self._engines.get()
        try:
            yield model
        finally:
            self._engines.put(model)

    def probe(self) -> None:
        """Look at the first golden image again.

        Raises:
            RuntimeFailure: what is found in it is not what was found when the model was loaded, or the network failed.
        """
        with self.engine() as model:
            found = self._look(model)
        if not _same(found, self._expected):
            raise RuntimeFailure(f"{self.path}: the golden image comes out otherwise than when it was loaded")

    def describe(self) -> dict[str, Any]:
        """What it is, as plain values."""
        model = self._first
        thresholds = None
        if isinstance(model, Detector):
            thresholds = {
                "confidence": model.confidence,
                "iou": model.iou,
                "max_det": model.max_det,
                "by_class": dict(model.class_confidence),
            }
        return {
            "name": self.path.name,
            "sha256": self.sha256,
            "task": model.task,
            "names": list(model.names),
            "imgsz": list(model.imgsz),
            "head": model.pipeline.info.head,
            "thresholds": thresholds,
            "golden": self.proven,
            "loaded": self.loaded,
        }

    def _look(self, model: AnyModel) -> Result:
        result = model.observe(Frame(self._image, "golden", 0)).result
        assert result is not None, "the frame is ok"
        return result


def _noise(model: AnyModel) -> Image:
    return np.random.default_rng(0).integers(0, 256, (*model.imgsz, 3), dtype=np.uint8)


def _same(a: Result, b: Result) -> bool:
    if isinstance(a, Detections) and isinstance(b, Detections):
        return (
            np.array_equal(a.class_id, b.class_id)
            and np.allclose(a.xyxy, b.xyxy, atol=_PX)
            and np.allclose(a.confidence, b.confidence, atol=_SCORE)
        )
    if isinstance(a, Detections) or isinstance(b, Detections):
        return False
    return np.allclose(a.probabilities, b.probabilities, atol=_SCORE)
