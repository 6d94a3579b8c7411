"""One rule from frame to frame: what it counts, and what follows from that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from yolo_tl.inspection.decision import Reason
from yolo_tl.inspection.rules import Rule
from yolo_tl.inspection.sightings import Sightings
from yolo_tl.inspection.window import Window

_TOLD = 3  # objects that a reason lists


@dataclass(frozen=True)
class Counted:
    """What a rule counts in a frame.

    Attributes:
        scores: class name and score of each object, best first.
        tracks: number of the track of each, where objects are followed.
        alive: numbers of all tracks that can go on.
    """

    scores: Sequence[tuple[str, float]]
    tracks: Sequence[int] = ()
    alive: Collection[int] = ()

    def describe(self) -> str:
        """``2 found (dent 0.91, scratch 0.60)``."""
        told = [f"{name} {score:.2f}" for name, score in self.scores[:_TOLD]]
        if len(self.scores) > _TOLD:
            told.append("…")
        return f"{len(self.scores)} found" + (f" ({', '.join(told)})" if told else "")


class FrameCount:
    """A rule that is broken in a frame by how many objects it shows."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._window = Window(*rule.k_of_n)

    def skip(self, count: int) -> None:
        """Go over `count` frames that were not looked at."""
        self._window.push(None, count)

    def see(self, counted: Counted, *, whole: bool) -> tuple[int, Reason | None]:
        """Add a frame.

        Args:
            counted: what it shows.
            whole: it was properly looked at; otherwise there may be more than was counted.

        Returns:
            How many were counted, and what speaks against PASS.
        """
        count = len(counted.scores)
        least, most = self.rule.limits
        broken = True if count > most else None if not whole else count < least
        self._window.push(broken)
        verdict = self._window.verdict
        if verdict is False:
            return count, None
        k, n = self.rule.k_of_n
        if verdict is None:
            return count, _open(self.rule.name, self._window, self._window.broken)
        text = f"{counted.describe()}, {_expected(least, most)}"
        if n > 1:
            text = f"broken in {self._window.broken} of the last {n} frames, {k} are a FAIL; now {text}"
        return count, Reason("rule", text, self.rule.name)


class TrackCount:
    """A rule that reports each object once."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._sightings = Sightings(*rule.k_of_n)

    def skip(self, count: int) -> None:
        """Go over `count` frames that were not looked at."""
        self._sightings.skip(count)

    def see(self, counted: Counted, *, whole: bool) -> tuple[int, Reason | None]:
        """Add a frame.

        Args:
            counted: what it shows, with tracks.
            whole: it was properly looked at; otherwise there may be more than was counted.

        Returns:
            How many are reported now, and what speaks against PASS.
        """
        reported = self._sightings.see(counted.tracks, alive=counted.alive, whole=whole)
        if reported:
            new = [score for score, track in zip(counted.scores, counted.tracks, strict=True) if track in reported]
            return len(reported), Reason("rule", f"{Counted(new).describe()}, seen for the first time", self.rule.name)
        if self._sightings.settled:
            return 0, None
        return 0, _open(self.rule.name, self._sightings.frames, self._sightings.most)


def _expected(least: int, most: float) -> str:
    if most == 0:
        return "none allowed"
    if least == most:
        return f"exactly {least} expected"
    if most == float("inf"):
        return f"at least {least} expected"
    return f"at most {most} allowed" if least == 0 else f"{least} to {most} expected"


def _open(rule: str, window: Window, broken: int) -> Reason | None:
    """Why a window decides nothing; a window of one frame has nothing to add to what is wrong with the frame."""
    k, n = window.k, window.n
    if n == 1:
        return None
    if window.seen < n:
        unknown = window.open - (n - window.seen)
        text = f"broken in {broken}, not known in {unknown} of {window.seen} frames so far; {k} of {n} are a FAIL"
        return Reason("warming", text, rule)
    text = f"broken in {broken}, not known in {window.open} of the last {n} frames; {k} are a FAIL"
    return Reason("undecided", text, rule)
