"""Objects that are reported once: in the frame in which they were seen k times in the last n."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from yolo_tl.inspection.window import Window


class Sightings:
    """When each object was seen.

    An object may also have been there in frames that are open, where the frame was not properly looked at. One that
    could have reached `k` that way leaves the verdict open; so does one that was never seen, if enough frames are open.

    Args:
        k: an object that was seen so often is reported.
        n: frames that are looked back on.
    """

    def __init__(self, k: int, n: int) -> None:
        self.k, self.n = k, n
        self.frames = Window(k, n)
        self._now = 0
        self._open: deque[int] = deque()
        self._seen: dict[int, deque[int]] = {}
        self._reported: set[int] = set()

    def skip(self, count: int) -> None:
        """Go over `count` frames that were not looked at."""
        self.frames.push(None, count)
        for frame in range(self._now + max(count - self.n, 0), self._now + count):
            self._open.append(frame)
        self._advance(count)

    def see(self, objects: Iterable[int], *, alive: Collection[int], whole: bool) -> list[int]:
        """Add a frame.

        Args:
            objects: numbers of those that were seen in it.
            alive: numbers that can still come; what is known of others is forgotten.
            whole: it was properly looked at, so that nothing else was there.

        Returns:
            Those that are to be reported now.
        """
        self.frames.push(False if whole else None)
        if not whole:
            self._open.append(self._now)
        for number in objects:
            self._seen.setdefault(number, deque()).append(self._now)
        for number in [number for number in self._seen if number not in alive]:
            del self._seen[number]
        self._reported &= set(alive)
        self._advance(1)
        reported = [number for number, frames in self._seen.items() if self._is_due(number, frames)]
        self._reported |= set(reported)
        return reported

    @property
    def most(self) -> int:
        """Most frames in which an object that was not reported was seen for sure."""
        return max((len(frames) for number, frames in self._seen.items() if number not in self._reported), default=0)

    @property
    def settled(self) -> bool:
        """Whether no object could have been due by now, whatever was in the open frames."""
        if self.frames.open >= self.k:
            return False
        open_frames = set(self._open)
        return not any(
            sum(frame not in open_frames for frame in frames) + self.frames.open >= self.k
            for number, frames in self._seen.items()
            if number not in self._reported
        )

    def _is_due(self, number: int, frames: deque[int]) -> bool:
        return len(frames) >= self.k and number not in self._reported

    def _advance(self, count: int) -> None:
        self._now += count
        for frames in (self._open, *self._seen.values()):
            while frames and frames[0] < self._now - self.n:
                frames.popleft()
