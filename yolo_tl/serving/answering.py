"""From the bytes of images to an answer: what a worker thread does for a request."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.detector import Detector
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.image import decode_image
from yolo_tl.edge.prediction import Prediction
from yolo_tl.errors import ImageError, UsageError
from yolo_tl.serving.body import parse_batch
from yolo_tl.serving.judging import Judging
from yolo_tl.serving.limits import Limits
from yolo_tl.serving.metrics import Metrics
from yolo_tl.serving.served_model import AnyModel
from yolo_tl.serving.shelf import Shelf
from yolo_tl.serving.workers import Expired

SOURCE = "http"


@dataclass(frozen=True)
class Question:
    """A request whose body is here.

    Attributes:
        content: one image, or a batch as JSON.
        batch: which of the two.
        confidence: lowest score; None is the model's own.
        iou: of NMS; None is the model's own.
        deadline: on the monotonic clock.
        captured: Unix time in s of its arrival.
        arrived: the same on the monotonic clock.
    """

    content: bytes
    batch: bool
    confidence: float | None
    iou: float | None
    deadline: float
    captured: float = field(default_factory=time.time)
    arrived: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Answer:
    """JSON, and the SHA-256 of the model that gave it."""

    content: bytes
    model: str


class Answering:
    """Answers questions, each with one model from its beginning to its end.

    Args:
        shelf: holds the model.
        judging: by which rules, where there are any.
        limits: see there.
        metrics: what is counted.
    """

    def __init__(self, shelf: Shelf, judging: Judging | None, limits: Limits, metrics: Metrics) -> None:
        self._shelf, self._judging, self._limits, self._metrics = shelf, judging, limits, metrics
        self._numbers = itertools.count()

    def detect(self, question: Question) -> Answer:
        """What is found in one image, or in each of several.

        Raises:
            Refusal: it is no batch, or one of too many images.
            ImageError: an image cannot be decoded, or has too many pixels.
            UsageError: thresholds for a model that has none.
            Expired: the deadline has passed.
            RuntimeFailure: the network failed.
        """
        images = parse_batch(question.content, self._limits.batch) if question.batch else [question.content]
        served = self._shelf.current
        with served.engine() as model:
            found = [prediction.to_dict() for prediction in self._look(model, images, question)]
        return Answer(msgspec.json.encode({"predictions": found} if question.batch else found[0]), served.sha256)

    def inspect(self, question: Question) -> Answer:
        """The verdict on one image; the errors of `detect`."""
        assert self._judging is not None, "there is no such path without rules"
        served = self._shelf.current
        with served.engine() as model:
            (prediction,) = self._look(model, [question.content], question)
        decision = self._judging.judge(prediction)
        self._metrics.verdicts.labels(decision.verdict).inc()
        return Answer(msgspec.json.encode(decision.to_dict()), served.sha256)

    def _look(self, model: AnyModel, images: Sequence[bytes], question: Question) -> Iterator[Prediction]:
        thresholds = _thresholds(model, question)
        started = time.monotonic()
        for place, content in enumerate(images):
            clock = time.monotonic()
            if clock > question.deadline:
                raise Expired
            try:
                image = decode_image(content, limit=self._limits.pixels)
            except ImageError as error:
                if not question.batch:
                    raise
                raise ImageError(f"images[{place}]: {error.message}", hint=error.hint) from error
            decoded = time.monotonic() - clock
            number = next(self._numbers)
            frame = Frame(image, SOURCE, number, captured=question.captured, arrived=question.arrived)
            prediction = model.observe(frame, thresholds=thresholds)
            self._metrics.looked(prediction, queue=started - question.arrived, decode=decoded)
            yield prediction


def _thresholds(model: AnyModel, question: Question) -> Thresholds | None:
    if isinstance(model, Detector):
        return model.thresholds_with(confidence=question.confidence, iou=question.iou)
    if question.confidence is not None or question.iou is not None:
        raise UsageError("expected no confidence and no iou: this model names whole images")
    return None
