"""A deployed model of any task, and what it says of a frame."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from time import perf_counter

from yolo_tl.boxes import Detections
from yolo_tl.edge.artifact import Artifact, open_artifact
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.image import as_bgr
from yolo_tl.edge.network import RunOptions, Task
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.edge.postprocess import Result
from yolo_tl.edge.prediction import Prediction, StageTimes
from yolo_tl.files import sha256


class Model:
    """A model that is open.

    Args:
        model: a bundle, an exported network (see `yolo_tl.edge.artifact`), or an artifact that is open already.
        options: how the network is run.

    Attributes:
        artifact: what was opened.
        task: what it was trained for.
        names: class names in order of class number.
        imgsz: height and width of the network's input in px.
        dynamic: whether other input sizes than `imgsz` are accepted; then images are
            padded only to the next multiple of the stride.
        batch: the one batch size the network accepts, or None.
    """

    def __init__(self, model: Path | str | Artifact, options: RunOptions) -> None:
        self.artifact = model if isinstance(model, Artifact) else open_artifact(Path(model), options)
        info = self.artifact.pipeline.info
        self.task: Task = info.task
        self.names: tuple[str, ...] = info.names
        self.imgsz: tuple[int, int] = info.imgsz
        self.dynamic: bool = info.dynamic
        self.batch: int | None = info.batch

    @property
    def pipeline(self) -> Pipeline:
        """The three stages."""
        return self.artifact.pipeline

    @property
    def thresholds(self) -> Thresholds:
        """What counts where nothing else is asked for; a classification has no use for it."""
        return Thresholds()

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the bundle's manifest, or of the network's file; empty for a network of several files."""
        path = self.artifact.path
        return self.artifact.sha256 or (sha256(path) if path.is_file() else "")

    def observe(self, frame: Frame, *, thresholds: Thresholds | None = None) -> Prediction:
        """Look at a frame, if it is ok; a frame of another state passes through with no result.

        Args:
            frame: the picture.
            thresholds: what counts; by default `thresholds`.

        Raises:
            ImageError: an array that is not an image.
            RuntimeFailure: the network failed or put out NaN.
        """
        if frame.state != "ok" or frame.image is None:
            return self.unseen(frame, frame.age)
        age, thresholds = frame.age, thresholds or self.thresholds
        start = perf_counter()
        tensor, geometries = self.pipeline.preprocess([as_bgr(frame.image)], self.pipeline.info)
        prepared = perf_counter()
        outputs = self.pipeline.network.run(tensor)
        ran = perf_counter()
        (result,) = self.pipeline.read(outputs, geometries, thresholds=thresholds)
        times = StageTimes(
            (prepared - start) * 1e3,
            (ran - prepared) * 1e3,
            (perf_counter() - ran) * 1e3,
        )
        return Prediction(
            frame, result, self.names, self.sha256, saturated=saturated(result, thresholds), queue_age=age, times=times
        )

    def unseen(self, frame: Frame, age: float) -> Prediction:
        """Word that a frame was not looked at, `age` seconds after it arrived."""
        return Prediction(frame, None, self.names, self.sha256, queue_age=age)


def saturated(result: Result, thresholds: Thresholds) -> bool:
    """Whether as many boxes were found as are allowed."""
    return isinstance(result, Detections) and len(result) >= thresholds.max_det
