"""An inspection that runs: pictures in, decisions out, each written down before it is handed over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from yolo_tl.config import to_mapping
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.image import Image
from yolo_tl.edge.model import Model
from yolo_tl.edge.network import RunOptions
from yolo_tl.edge.opening import open_model
from yolo_tl.errors import ConfigError
from yolo_tl.files import PathLike
from yolo_tl.inspection.decision import Decision, Verdict
from yolo_tl.inspection.handover import Handover
from yolo_tl.inspection.judge import Judge
from yolo_tl.inspection.loading import load_rules
from yolo_tl.inspection.record import header
from yolo_tl.inspection.rules import Rules
from yolo_tl.inspection.sinks.callback import CallbackSink
from yolo_tl.inspection.sinks.recorder import Recorder
from yolo_tl.inspection.sinks.sink import LOGGER, VERDICTS, Sink, SinkCounters
from yolo_tl.streams import Counters, IterableSource, Policy, Source, Stream, StreamOptions, open_source
from yolo_tl.streams.pipelining import pipelined


@dataclass(frozen=True)
class InspectionCounters:
    """A moment in the life of an inspection.

    At its end ``stream.numbered == PASS + FAIL + UNKNOWN + stream.waiting``; what still waited was let go by `close`,
    and an inspection that ends by itself leaves nothing waiting.

    Attributes:
        stream: frames as they came.
        verdicts: PASS, FAIL, UNKNOWN → frames with it, written to every sink that is required.
        decisions: lines of the log: fewer than frames, where several that were dropped share one.
        sinks: name → what became of what the sink was given.
    """

    stream: Counters
    verdicts: dict[Verdict, int]
    decisions: int
    sinks: dict[str, SinkCounters]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        content: dict[str, Any] = to_mapping(self)
        return content


class Inspector:
    """Looks at every frame of a source, and decides by rules.

    ::

        with Inspector("bundle", "rtsp://camera/1", "default", sinks=[LogSink("log")]) as inspector:
            for decision in inspector:
                gate.open() if decision.verdict == "PASS" else gate.reject()

    Reading, looking, judging and writing go on in threads of their own. A decision is handed over once every required
    sink has taken it. Whoever iterates slowly holds the inspection up: pictures of a camera are then dropped by the
    policy of the stream, and that is UNKNOWN.

    It is also an asynchronous context manager and iterator: nothing blocks the event loop. Leaving ``async for`` early,
    by ``break`` or because the task was cancelled, ends the inspection.

    Args:
        model: a bundle, an exported network, or a model that is open. Nothing else may use that meanwhile.
        source: text (see `yolo_tl.streams.open_source`), a `Source`, or an iterable of pictures (H, W, 3) uint8 BGR.
        rules: name, path, or what `load_rules` gave.
        sinks: where decisions go, in order: sinks, or functions that take a decision.
        policy: ``block``, ``drop-oldest`` or ``drop-newest``: what happens to pictures that come too fast.
        deadline: seconds after which a picture that has not been looked at is late, and UNKNOWN.
        timeout: seconds without a picture after which a live source is lost.
        options: how else the stream is kept; the three before are stronger.
        limit: frames after which it ends; those that share a line because they were dropped count each.
        seconds: after which it ends.
        threads: CPU threads of a model that is opened here; None leaves it to the engine.
        waiting: decisions that wait before the sinks at most, while a disk is slow, and so many after them, each with
            its picture in memory.

    Raises:
        BundleError: the model cannot be run.
        ConfigError: rules that do not fit the model, or a value out of range.
        UsageError: a source that is none.
    """

    def __init__(
        self,
        model: PathLike | Model,
        source: PathLike | int | Source | Iterable[Image],
        rules: PathLike | Rules,
        *,
        sinks: Sequence[Sink | Callable[[Decision], object]] = (),
        policy: Policy | None = None,
        deadline: float | None = None,
        timeout: float | None = None,
        options: StreamOptions | None = None,
        limit: int | None = None,
        seconds: float | None = None,
        threads: int | None = None,
        waiting: int = 8,
    ) -> None:
        if waiting < 1:
            raise ConfigError(f"waiting: expected at least one decision, found {waiting}")
        if limit is not None and limit < 1:
            raise ConfigError(f"limit: expected at least one frame, found {limit}")
        if seconds is not None and not 0 < seconds <= threading.TIMEOUT_MAX:
            raise ConfigError(f"seconds: expected a number above 0, found {seconds}")
        asked: dict[str, Any] = {"policy": policy, "deadline": deadline, "timeout": timeout}
        given = {name: value for name, value in asked.items() if value is not None}
        self.options = replace(options or StreamOptions(), **given)
        self.rules = rules if isinstance(rules, Rules) else load_rules(os.fspath(rules))
        self.model = open_model(model, RunOptions(threads)) if isinstance(model, (str, os.PathLike)) else model
        self._judge = Judge(
            self.rules, self.model.names, thresholds=None if self.model.task == "classify" else self.model.thresholds
        )
        self._stream = Stream(as_source(source), self.options)
        self._recorder = Recorder([sink if isinstance(sink, Sink) else CallbackSink(sink) for sink in sinks])
        self._limit, self._seconds = limit, seconds
        self._judged: Handover[Decision] = Handover(waiting)
        self._written: Handover[Decision] = Handover(waiting)
        self._verdicts: Counter[Verdict] = Counter()
        self._decisions = 0
        self._threads: list[threading.Thread] = []
        self._timer: threading.Timer | None = None
        self._starting = threading.Lock()

    def start(self) -> None:
        """Open the sinks and begin; nothing happens if it has begun.

        Raises:
            WriteError: a sink cannot be opened.
        """
        with self._starting:
            if self._threads:
                return
            self._recorder.open(header(self.rules, self.model.names, self.model.sha256))
            for work in (self._judge_frames, self._write_decisions):
                self._threads.append(threading.Thread(target=work, name=f"inspector {work.__name__}", daemon=True))
            for thread in self._threads:
                thread.start()
            if self._seconds is not None:
                self._timer = threading.Timer(self._seconds, self.stop)
                self._timer.daemon = True
                self._timer.start()

    def stop(self) -> None:
        """Take no more frames, from any thread; what was taken is still judged, written and handed over."""
        self._stream.close()

    def close(self) -> None:
        """Stop, finish what was taken, and close the sinks. May be called twice.

        Raises:
            YoloTLError: what broke the inspection, if nobody has seen it yet.
        """
        self.stop()
        if self._timer is not None:
            self._timer.cancel()
        self._written.release()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        if (error := self._written.take_error()) is not None:
            raise error

    @property
    def counters(self) -> InspectionCounters:
        """What became of all frames so far."""
        verdicts = {verdict: self._verdicts[verdict] for verdict in VERDICTS}
        return InspectionCounters(self._stream.counters, verdicts, self._decisions, self._recorder.counters)

    @property
    def problem(self) -> str:
        """The last thing that went wrong with the source, in words; empty if nothing has."""
        return self._stream.problem

    def __enter__(self) -> Inspector:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except Exception as another:
            if error is None:
                raise
            LOGGER.warning("the inspection ended with: %s", another)

    def __iter__(self) -> Iterator[Decision]:
        return self

    def __next__(self) -> Decision:
        """The next decision, which every required sink has taken.

        Raises:
            StopIteration: the source has ended, or the inspection was stopped, and nothing is left.
            YoloTLError: what broke it, after the decisions before it: a source that is not live, the model, a sink that
                is required.
        """
        self.start()
        return self._written.get()

    async def __aenter__(self) -> Inspector:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A task that is cancelled once more does not wait; the threads end all the same.
        await asyncio.shield(asyncio.to_thread(self.__exit__, kind, error, trace))

    async def __aiter__(self) -> AsyncIterator[Decision]:
        await asyncio.to_thread(self.start)
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(changed.set)

        self._written.listen(tell)
        try:
            while True:
                changed.clear()
                try:
                    decision = self._written.get_nowait()
                except StopIteration:
                    return
                if decision is None:
                    await changed.wait()
                else:
                    yield decision
        finally:
            self._written.listen(None)
            self._written.release()
            threading.Thread(target=self.stop, name="inspector stop", daemon=True).start()  # stopping may take a second

    def _judge_frames(self) -> None:
        error: BaseException | None = None
        try:
            frames = self._limited(self._stream)
            for prediction in pipelined(self.model, frames, deadline=self.options.deadline):
                if not self._judged.put(self._judge.judge(prediction)):
                    break
        except BaseException as caught:
            error = caught
        finally:
            self._stream.close()
            self._judged.finish(error)

    def _limited(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        left = self._limit
        for frame in frames:
            yield frame
            if left is not None:
                left -= frame.count
                if left <= 0:
                    return

    def _write_decisions(self) -> None:
        error: BaseException | None = None
        try:
            while True:
                decision = self._judged.get()
                self._recorder.write(decision)
                self._verdicts[decision.verdict] += decision.prediction.frame.count
                self._decisions += 1
                self._written.put(decision)
                self._recorder.offer(decision)
        except StopIteration:
            pass
        except BaseException as caught:
            error = caught
        self._judged.refuse()
        self._stream.close()
        try:
            self._recorder.close()
        except BaseException as caught:
            error = error or caught
        self._written.finish(error)


def as_source(source: PathLike | int | Source | Iterable[Image]) -> Source:
    """Text, a source or pictures, as a source.

    Raises:
        UsageError: text that names none.
    """
    if isinstance(source, (str, int, os.PathLike)):
        return open_source(source if isinstance(source, int) else os.fspath(source))
    if isinstance(source, Iterable):
        return IterableSource(source)
    return source
