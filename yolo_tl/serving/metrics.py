"""What the server counts, in the form of Prometheus."""

from __future__ import annotations

import sys
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.process_collector import ProcessCollector

from yolo_tl.boxes import Detections
from yolo_tl.edge.prediction import Prediction
from yolo_tl.serving.served_model import ServedModel

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_COUNTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 300)
_SCORES = tuple(step / 20 for step in range(1, 21))


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        if sys.platform == "linux":
            ProcessCollector(registry=registry)
        self.requests = Counter(
            "yolo_tl_requests", "Requests that were answered.", ["path", "status"], registry=registry
        )
        self.duration = Histogram(
            "yolo_tl_request_seconds",
            "From the head of a request to its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.stages = Histogram(
            "yolo_tl_stage_seconds",
            "Of one image: queue, decode, preprocess, inference, postprocess.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.waiting = Gauge("yolo_tl_queue_depth", "Requests that wait for an engine.", registry=registry)
        self.in_flight = Gauge("yolo_tl_in_flight", "Requests that are being read or answered.", registry=registry)
        self.rejected = Counter("yolo_tl_rejected", "Requests not answered as asked.", ["reason"], registry=registry)
        self.verdicts = Counter("yolo_tl_verdicts", "Verdicts by rules.", ["verdict"], registry=registry)
        self.detections = Histogram("yolo_tl_detections", "Detections in an image.", buckets=_COUNTS, registry=registry)
        self.scores = Histogram(
            "yolo_tl_scores",
            "Scores of what was found: when they move, the images or the model did.",
            buckets=_SCORES,
            registry=registry,
        )
        self.exchanges = Counter("yolo_tl_model_exchanges", "Exchanges of the model.", ["outcome"], registry=registry)
        self.model = Info("yolo_tl_model", "The model that answers.", registry=registry)
        self.loaded = Gauge("yolo_tl_model_loaded_timestamp_seconds", "When it was loaded.", registry=registry)

    def watch(self, depth: Callable[[], int]) -> None:
        """Ask for the depth of the queue whenever metrics are read."""
        self.waiting.set_function(depth)

    def serves(self, model: ServedModel) -> None:
        """From now on, this model answers."""
        self.model.info({"sha256": model.sha256, "name": model.path.name, "task": model.task})
        self.loaded.set(model.loaded)

    def looked(self, prediction: Prediction, *, queue: float, decode: float) -> None:
        """An image was looked at; times in s."""
        stages = {"queue": queue, "decode": decode}
        if (times := prediction.times) is not None:
            stages |= {
                "preprocess": times.preprocess / 1e3,
                "inference": times.inference / 1e3,
                "postprocess": times.postprocess / 1e3,
            }
        for stage, seconds in stages.items():
            self.stages.labels(stage).observe(seconds)
        result = prediction.result
        if isinstance(result, Detections):
            self.detections.observe(len(result))
            scores = result.confidence.tolist()
        else:
            scores = [] if result is None else [result.confidence]
        for score in scores:
            self.scores.observe(score)

    def render(self) -> bytes:
        """All of it as text."""
        return generate_latest(self.registry)
