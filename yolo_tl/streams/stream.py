"""A source, read in a thread of its own, as frames of which none is missing."""

from __future__ import annotations

from types import TracebackType

from yolo_tl.edge.frame import Frame
from yolo_tl.streams.counters import Counters
from yolo_tl.streams.examiner import Examiner
from yolo_tl.streams.frame_queue import FrameQueue
from yolo_tl.streams.options import StreamOptions
from yolo_tl.streams.reader import Reader
from yolo_tl.streams.source import Picture, Source
from yolo_tl.streams.watchdog import Watchdog

_LOOK = 0.25
"""Seconds after which one who waits for a frame looks whether the source is lost."""

_HUNG = 4
"""Connections that may hang at once. With more, the source is not opened anew until one of them returns."""

_GOODBYE = 1.0
"""Seconds for which closing waits for the reader, which may hang."""


class Stream:
    """The frames of a source: each number once and in order, whatever happens.

    A picture that is fine comes as a frame that is ``ok``. Where there is none, or not one that should be judged, a
    frame of another state stands in its place (see `yolo_tl.edge.frame.State`). A source that is live is opened anew
    for as long as the stream is open, and meanwhile a frame that is ``lost`` comes once in each `timeout`. One that is
    not live ends, and what is wrong with it is raised after the frames before it.

    Use it with ``with`` and ``for``, from one thread at a time. `close` may be called from any thread.

    Args:
        source: what is read (see `yolo_tl.streams.open_source`).
        options: how; by default as it suits the source.
    """

    def __init__(self, source: Source, options: StreamOptions | None = None) -> None:
        self.source = source
        self.options = options or StreamOptions()
        self._queue = FrameQueue(
            source.name, self.options.policy_for(source), self.options.size, deadline=self.options.deadline
        )
        self._examiner = Examiner(source, self.options)
        self._watchdog = Watchdog(self.options.timeout_for(source))
        self._rests = self.options.may_rest(source)
        self._reader: Reader | None = None
        self._hung: list[Reader] = []
        self._given_up = 0
        self._attempts = 0

    def __enter__(self) -> Stream:
        return iter(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Stream:
        if self._reader is None:
            self._watchdog.feed()
            self._reader = self._new_reader()
        return self

    def __next__(self) -> Frame:
        """The next frame, when there is one.

        Raises:
            StopIteration: the source has ended, or the stream was closed.
            Exception: what broke a source that is not live.
        """
        while True:
            frame = self._queue.take(min(self._watchdog.remaining, _LOOK))
            if frame is not None:
                return frame
            if self._queue.over():
                raise StopIteration
            self._give_up_what_hangs()
            if self._watchdog.barks():
                frame = self._queue.gap(deliver=True)
                if frame is not None:
                    return frame

    def close(self) -> None:
        """Stop reading; who waits for a frame gets none. What was not taken is let go."""
        self._queue.close()
        if self._reader is not None:
            self._reader.stop()
            self._reader.thread.join(_GOODBYE)

    @property
    def counters(self) -> Counters:
        """What became of all frames so far."""
        attempts = self._attempts + (self._reader.attempts if self._reader else 0)
        return self._queue.counters(reconnects=max(attempts - 1, 0), hung=self._given_up)

    @property
    def problem(self) -> str:
        """The last thing that went wrong with the source, in words; empty if nothing has."""
        return self._reader.problem if self._reader else ""

    def _new_reader(self) -> Reader:
        reader = Reader(self.source, self.options, picture=self._receive, opened=self._opened, ended=self._queue.end)
        reader.start()
        return reader

    def _receive(self, picture: Picture) -> bool:
        if self._watchdog.barks():  # nobody has looked meanwhile
            self._queue.gap(deliver=False)
        self._watchdog.pause()
        taken = self._queue.put(picture, self._examiner.state(picture))
        if not self._rests:
            self._watchdog.feed()
        return taken

    def _opened(self, connected: bool) -> None:
        if self._rests and connected:
            self._watchdog.pause()
        elif self._rests:
            self._watchdog.resume()  # not fed, for one attempt in vain follows the other

    def _give_up_what_hangs(self) -> None:
        reader = self._reader
        if reader is None or not self.source.live or reader.calling < self.options.hang:
            return
        self._hung = [other for other in self._hung if other.thread.is_alive()]
        if len(self._hung) >= _HUNG:
            return
        reader.stop()
        reader.problem = f"{self.source.name}: a call did not return within {self.options.hang:g} s"
        self._hung.append(reader)
        self._given_up += 1
        self._attempts += reader.attempts
        self._opened(False)
        self._reader = self._new_reader()
        self._reader.problem = reader.problem
