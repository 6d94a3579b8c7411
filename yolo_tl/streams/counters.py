"""How many frames came, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counters:
    """A moment in the life of a stream. ``numbered == delivered + waiting`` always.

    Attributes:
        numbered: frames that have a number: what came, and gaps in which nothing came.
        captured: of these, what came from the source, readable or not.
        waiting: have a number and were not delivered yet, those let go included.
        pictures: of these, what takes up room in the queue.
        ok: delivered as they were taken; so for the other states.
        dropped: let go for lack of room.
        late: waited too long.
        stale: repeat a picture.
        lost: gaps.
        unreadable: no pictures.
        resized: of another size.
        reconnects: times the source was opened anew, or that was tried.
        hung: connections that were given up because a call did not return.
    """

    numbered: int
    captured: int
    waiting: int
    pictures: int
    ok: int = 0
    dropped: int = 0
    late: int = 0
    stale: int = 0
    lost: int = 0
    unreadable: int = 0
    resized: int = 0
    reconnects: int = 0
    hung: int = 0

    @property
    def delivered(self) -> int:
        """Frames that were handed over, of any state."""
        return self.ok + self.unknown

    @property
    def unknown(self) -> int:
        """Frames that were handed over and are not ok."""
        return self.dropped + self.late + self.stale + self.lost + self.unreadable + self.resized
