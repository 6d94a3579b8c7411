"""Preprocessing, engine and postprocessing of neighbouring frames at the same time.

An engine computes without the lock of the Python interpreter. While it does, one thread prepares the next frame and
another reads what was found in the last one, so that a frame takes little longer than the engine alone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.image import as_bgr
from yolo_tl.edge.model import Model, saturated
from yolo_tl.edge.network import Outputs
from yolo_tl.edge.prediction import Prediction, StageTimes
from yolo_tl.edge.preprocess import Geometry
from yolo_tl.errors import ConfigError, ImageError
from yolo_tl.streams.leaving import leaves_before_exit
from yolo_tl.streams.stream import Stream

_LOOK = 0.5
"""Seconds after which the engine, which waits for a frame, looks whether any is still to come."""

_GOODBYE = 1.0
"""Seconds for which the end waits for an iterator that gives nothing."""

_ENGINE = 10.0
"""Seconds for which the end of the interpreter waits for an engine."""


def pipelined(
    model: Model,
    frames: Iterable[Frame],
    *,
    depth: int = 2,
    deadline: float | None = None,
    thresholds: Thresholds | None = None,
) -> Generator[Prediction, None, None]:
    """What a model says of each frame, in order and each exactly once.

    A frame that is not ok passes through at its place with no result; so does one that turns out to be no image, as
    ``unreadable``, and one that grows too old while it waits here, as ``late``.

    Two threads work ahead of whoever iterates, from the first step until the end; closing the generator ends them, and
    closes a `Stream` that it reads.

    Args:
        model: what looks at the frames.
        frames: a `Stream`, or anything else that gives frames.
        depth: frames that may wait between the stages, beside one in each. More take up latency and memory.
        deadline: age in s beyond which a frame is late; by default that of the stream.
        thresholds: what counts; by default what counts for the model when each frame is read.

    Raises:
        ConfigError: a depth below 1.
        RuntimeFailure: the network failed or put out NaN. Every frame that was taken is delivered before: that one and
            those on their way behind it without a result.
        Exception: what `frames` raises.
    """
    if depth < 1:
        raise ConfigError(f"depth: expected a whole number from 1 up, found {depth}")
    if deadline is None and isinstance(frames, Stream):
        deadline = frames.options.deadline
    return _run(model, frames, depth, deadline, thresholds)


def _run(
    model: Model, frames: Iterable[Frame], depth: int, deadline: float | None, thresholds: Thresholds | None
) -> Generator[Prediction, None, None]:
    line = _Line(model, frames, depth, deadline, thresholds)
    try:
        line.start()
        failure: BaseException | None = None
        while (item := line.finished.get()) is not None:
            if isinstance(item, BaseException):
                raise failure or item
            prediction = line.unseen(item)
            if failure is None:
                try:
                    prediction = line.conclude(item)
                except Exception as error:
                    failure = error
                    line.fail()
            yield prediction
            line.room.put(None)
        if failure is not None:
            raise failure
    finally:
        line.stop()


@dataclass
class _Item:
    """A frame on its way, and what came of it so far."""

    frame: Frame
    age: float
    tensor: NDArray[np.float32] | None = None
    geometries: Sequence[Geometry] = ()
    outputs: Outputs | Prediction | None = None
    preprocess: float = 0.0
    inference: float = 0.0


class _Line:
    """Two threads and what lies between them.

    Attributes:
        room: one entry for each frame that may come in; it is put back when the frame has left.
        finished: frames that the engine is done with, and None at the end.
    """

    def __init__(
        self, model: Model, frames: Iterable[Frame], depth: int, deadline: float | None, thresholds: Thresholds | None
    ) -> None:
        self._model = model
        self._thresholds = thresholds
        self._frames = frames
        self._deadline = deadline
        # A model with a way of its own to look at a frame has no stages that could be told apart.
        self._staged = type(model).observe is Model.observe
        self._stopped, self._failed = Event(), Event()
        # These queues are not bounded themselves, and many times quicker than those that are.
        self.room: SimpleQueue[None] = SimpleQueue()
        self._prepared: SimpleQueue[_Item | BaseException | None] = SimpleQueue()
        self.finished: SimpleQueue[_Item | BaseException | None] = SimpleQueue()
        for _ in range(depth + 2):
            self.room.put(None)
        self._threads = [
            Thread(target=self._prepare_all, name="yolo_tl-preprocess", daemon=True),
            Thread(target=self._infer_all, name="yolo_tl-engine", daemon=True),
        ]

    def start(self) -> None:
        """Begin to take frames."""
        leaves_before_exit(self)
        self._iterator = iter(self._frames)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads, wherever they are."""
        self._stopped.set()
        if isinstance(self._frames, Stream):
            self._frames.close()
        self.room.put(None)
        self._prepared.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_GOODBYE)

    def fail(self) -> None:
        """Take no more frames; those on their way still come, unseen."""
        self._failed.set()
        if isinstance(self._frames, Stream):
            self._frames.close()

    def leave(self) -> None:
        """End both threads, and wait for the engine."""
        self.stop()
        self._threads[1].join(_ENGINE)

    def conclude(self, item: _Item) -> Prediction:
        """What was found in a frame that the engine is done with."""
        self._look_at_the_clock(item)
        if item.outputs is None or item.frame.state != "ok":
            return self.unseen(item)
        if isinstance(item.outputs, Prediction):
            return item.outputs
        start = perf_counter()
        counts = self._thresholds or self._model.thresholds
        (result,) = self._model.pipeline.read(item.outputs, item.geometries, thresholds=counts)
        times = StageTimes(item.preprocess, item.inference, (perf_counter() - start) * 1e3)
        return Prediction(
            item.frame,
            result,
            self._model.names,
            self._model.sha256,
            saturated=saturated(result, counts),
            queue_age=item.age,
            times=times,
        )

    def unseen(self, item: _Item) -> Prediction:
        """A frame that nothing is said of."""
        return self._model.unseen(item.frame, item.age)

    def _prepare_all(self) -> None:
        try:
            while True:
                self.room.get()
                if self._stopped.is_set() or self._failed.is_set():
                    break
                frame = next(self._iterator, None)
                if frame is None:
                    break
                self._prepared.put(self._prepare(frame))
        except BaseException as error:  # nobody sees what a thread raises: it travels to whoever takes the predictions
            self._prepared.put(error)
        self._prepared.put(None)
        if isinstance(self._iterator, Generator):
            self._iterator.close()  # by the thread that runs it; no other may

    def _infer_all(self) -> None:
        failure: BaseException | None = None
        while (item := self._next()) is not None and not self._stopped.is_set():
            if isinstance(item, _Item) and failure is None:
                try:
                    self._infer(item)
                except BaseException as error:
                    failure = error
                    self.fail()
            if failure is None or isinstance(item, _Item):  # what the source says after that is only a consequence
                self.finished.put(item)
        if failure is not None:
            self.finished.put(failure)
        self.finished.put(None)

    def _next(self) -> _Item | BaseException | None:
        """What was prepared; after a failure, what still comes within a moment: the frames may wait for a camera."""
        while True:
            try:
                return self._prepared.get(timeout=_LOOK)
            except Empty:
                if self._failed.is_set():
                    return None

    def _prepare(self, frame: Frame) -> _Item:
        item = _Item(frame, frame.age)
        if frame.state != "ok" or not self._staged:
            return item
        pipeline, start = self._model.pipeline, perf_counter()
        try:
            item.tensor, item.geometries = pipeline.preprocess([as_bgr(frame.image)], pipeline.info)
        except ImageError:
            item.frame = replace(frame, image=None, state="unreadable")
        item.preprocess = (perf_counter() - start) * 1e3
        return item

    def _infer(self, item: _Item) -> None:
        self._look_at_the_clock(item)
        # Let go of before the next one is prepared, so that its memory can be used again.
        tensor, item.tensor = item.tensor, None
        if item.frame.state != "ok":
            return
        start = perf_counter()
        if tensor is not None:
            item.outputs = self._model.pipeline.network.run(tensor)
        else:
            try:
                item.outputs = self._model.observe(item.frame, thresholds=self._thresholds)
            except ImageError:
                item.frame = replace(item.frame, image=None, state="unreadable")
        item.inference = (perf_counter() - start) * 1e3

    def _look_at_the_clock(self, item: _Item) -> None:
        if self._deadline is not None and item.frame.state == "ok" and item.frame.age > self._deadline:
            item.frame = replace(item.frame, state="late")
