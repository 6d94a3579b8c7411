"""A bounded queue in which no number is ever missing."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from threading import Condition

from yolo_tl.edge.frame import Frame, State
from yolo_tl.streams.counters import Counters
from yolo_tl.streams.source import Picture, Policy


class FrameQueue:
    """Frames in the order of their numbers, which they get here.

    A frame for which there is no room stays in the order as word that it was dropped; neighbours are joined, so that
    at most ``2 * size + 1`` entries wait, `size` of them with a picture.

    Args:
        source: name of the source, for the frames.
        policy: what happens when it is full.
        size: frames that may wait, not counting those that were dropped.
        deadline: age in s beyond which a frame is late when it is taken.
    """

    def __init__(self, source: str, policy: Policy, size: int, *, deadline: float | None = None) -> None:
        self._source = source
        self._policy = policy
        self._size = size
        self._deadline = deadline
        self._frames: deque[Frame] = deque()
        self._room = size
        self._next = 0
        self._gaps = 0
        self._waiting = 0
        self._delivered: Counter[str] = Counter()
        self._changed = Condition()
        self._closed = False
        self._ended = False
        self._error: BaseException | None = None

    def put(self, picture: Picture, state: State) -> bool:
        """Append what came, waiting for room if that is the policy; False once the queue is closed."""
        with self._changed:
            if self._policy == "block":
                self._changed.wait_for(lambda: self._room > 0 or self._closed)
            if self._closed:
                return False
            self._append(self._number(picture, state))
            self._changed.notify_all()
        return True

    def take(self, timeout: float | None = None) -> Frame | None:
        """The next frame; None if there is none within `timeout` s, or never again (ask `over`)."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._ended or self._closed, timeout)
            if self._closed or not self._frames:
                return None
            frame = self._frames.popleft()
            if frame.state != "dropped":
                self._room += 1
                self._changed.notify_all()
            if frame.state == "ok" and self._deadline is not None and frame.age > self._deadline:
                frame = replace(frame, state="late")
            return self._deliver(frame)

    def gap(self, *, deliver: bool) -> Frame | None:
        """Give a number to a time in which nothing came.

        Args:
            deliver: hand the frame over at once; None if one came in the meantime. Otherwise it is appended, and what
                is done for lack of room is done to it, too.
        """
        with self._changed:
            if self._closed or (deliver and (self._frames or self._ended)):
                return None
            frame = self._number(Picture(None), "lost")
            self._gaps += 1
            if deliver:
                return self._deliver(frame)
            self._append(frame)
            self._changed.notify_all()
            return None

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more comes. What waits is still delivered, then `error` is due."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more is taken: whoever waits returns at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def over(self) -> bool:
        """Whether nothing will be delivered any more.

        Raises:
            Exception: what `end` was told, once.
        """
        with self._changed:
            if self._closed:
                return True
            if not self._ended or self._frames:
                return False
            error, self._error = self._error, None
        if error is not None:
            raise error
        return True

    def counters(self, *, reconnects: int = 0, hung: int = 0) -> Counters:
        """What became of all frames so far."""
        with self._changed:
            return Counters(
                numbered=self._next,
                captured=self._next - self._gaps,
                waiting=self._waiting,
                pictures=self._size - self._room,
                reconnects=reconnects,
                hung=hung,
                **self._delivered,
            )

    def _number(self, picture: Picture, state: State) -> Frame:
        frame = Frame(picture.image, self._source, self._next, picture.label, picture.captured, picture.arrived, state)
        self._next += 1
        self._waiting += 1
        return frame

    def _append(self, frame: Frame) -> None:
        # A gap is noted by whoever found it, who must not wait: with the policy "block" it may be one too many.
        if self._room <= 0 and self._policy == "drop-newest":
            frame = _dropped(frame)
        elif self._room <= 0 and self._policy == "drop-oldest":
            oldest = self._frames.popleft()
            joined = _joined(oldest, self._frames.popleft()) if oldest.state == "dropped" else _dropped(oldest)
            self._frames.appendleft(joined)
            self._room += 1
        if frame.state == "dropped" and self._frames and self._frames[-1].state == "dropped":
            self._frames[-1] = _joined(self._frames[-1], frame)
            return
        self._frames.append(frame)
        self._room -= frame.state != "dropped"

    def _deliver(self, frame: Frame) -> Frame:
        self._waiting -= frame.count
        self._delivered[frame.state] += frame.count
        return frame


def _dropped(frame: Frame) -> Frame:
    return replace(frame, image=None, state="dropped")


def _joined(first: Frame, second: Frame) -> Frame:
    return replace(first, count=first.count + second.count)
