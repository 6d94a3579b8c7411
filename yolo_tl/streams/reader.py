"""The thread that reads a source, and opens it anew when it breaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread
from typing import TypeVar

from yolo_tl.errors import ImageError
from yolo_tl.streams.leaving import leaves_before_exit
from yolo_tl.streams.options import StreamOptions
from yolo_tl.streams.source import Feed, Picture, Source

TICK = 0.1
"""Seconds after which a feed that can looks up from waiting."""

Value = TypeVar("Value")


class Reader:
    """Reads until the source ends, or it is told to stop.

    Args:
        source: what is read.
        options: how long to wait before it is opened anew.
        picture: takes each picture; False if it wants no more.
        opened: told when the source was opened (True) and when the connection is gone (False).
        ended: told that nothing more comes, and the error of a source that is not live.

    Attributes:
        attempts: times it was opened, or that was tried.
        problem: the last thing that went wrong, in words.
    """

    def __init__(
        self,
        source: Source,
        options: StreamOptions,
        *,
        picture: Callable[[Picture], bool],
        opened: Callable[[bool], None],
        ended: Callable[[BaseException | None], None],
    ) -> None:
        self._source = source
        self._options = options
        self._picture = picture
        self._opened = opened
        self._ended = ended
        self._stop = Event()
        self._calling: float | None = None
        self._read = 0
        self.problem = ""
        self.attempts = 0
        self.thread = Thread(target=self._run, name=f"yolo_tl-reader {source.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        leaves_before_exit(self)
        self.thread.start()

    def stop(self) -> None:
        """End as soon as the source lets it; what it still gives is thrown away."""
        self._stop.set()

    def leave(self) -> None:
        """Stop, and wait for a call to the source that may still return."""
        self.stop()
        idle = 0
        while self.thread.is_alive() and idle < 2 and self.calling < self._options.hang:
            self.thread.join(0.05)
            idle = 0 if self.calling else idle + 1

    @property
    def calling(self) -> float:
        """Seconds for which a call to the source has not returned."""
        since = self._calling
        return 0.0 if since is None else time.monotonic() - since

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._connections()
        except BaseException as failure:  # nobody sees what a thread raises: it travels to whoever takes the frames
            error = failure
        if not self._stop.is_set():
            self._ended(error)

    def _connections(self) -> None:
        wait = self._options.retry
        while not self._stop.is_set():
            self.attempts += 1
            before = self._read
            try:
                feed = self._call(self._source.open)
                try:
                    self._opened(True)
                    self._pictures(feed)
                finally:
                    self._call(feed.close)
                return
            except Exception as error:
                if not self._source.live:
                    raise
                self.problem = str(error) or type(error).__name__
            if self._stop.is_set():
                return
            self._opened(False)
            if self._read > before:
                wait = self._options.retry
            self._stop.wait(wait)
            wait = min(wait * self._options.retry_factor, self._options.retry_limit)

    def _pictures(self, feed: Feed) -> None:
        """Hand on what the connection gives, until the source ends or nobody wants more."""
        while not self._stop.is_set():
            try:
                picture = self._call(feed.read, TICK)
            except TimeoutError:
                continue
            except ImageError as error:
                picture = Picture(None, problem=str(error))
            if picture is None or self._stop.is_set() or not self._picture(picture):
                return
            self._read += picture.image is not None
            self.problem = picture.problem or self.problem

    def _call(self, function: Callable[..., Value], *arguments: object) -> Value:
        """Call the source, with the time at hand at which that began."""
        self._calling = time.monotonic()
        try:
            return function(*arguments)
        finally:
            self._calling = None
