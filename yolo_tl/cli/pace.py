"""How long a run still takes, from how it went so far."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from statistics import mean, median

_EPOCHS = 8  # how many the estimate looks back
_OUTLIER = 3.0  # times the median: a machine that slept, not an epoch with validation


class Pace:
    """The speed of a run, by epochs: an epoch ends with a validation, which its batches do not show.

    Speed is the mean over the latest epochs of the present stage, where an epoch counts for at most three times
    the median. So a validation in every fifth epoch is reckoned with, and a suspended machine is not.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paces: deque[float] = deque(maxlen=_EPOCHS)  # seconds for the whole run, as each epoch suggests
        self._start: tuple[float, float] | None = None  # time and share at the start of the epoch
        self._now: tuple[float, float] | None = None

    def restart(self) -> None:
        """A stage begins: what was measured before it does not hold."""
        self._paces.clear()
        self._start = self._now = None

    def at(self, share: float) -> None:
        """This share of the run is done."""
        self._now = self._clock(), share
        if self._start is None or share < self._start[1]:
            self._start = self._now

    def epoch(self) -> None:
        """The epoch, validation included, is over."""
        if self._now is None:
            return
        self._now = self._clock(), self._now[1]
        pace = self._pace()
        if pace is not None:
            self._paces.append(pace)
        self._start = self._now

    def left(self) -> float | None:
        """Seconds to the end of the run; None where nothing is known yet."""
        pace = self._pace() if not self._paces else _robust_mean(self._paces)
        return None if pace is None or self._now is None else pace * max(1 - self._now[1], 0.0)

    def _pace(self) -> float | None:
        if self._start is None or self._now is None or self._now[1] <= self._start[1]:
            return None
        return (self._now[0] - self._start[0]) / (self._now[1] - self._start[1])


def in_words(seconds: float) -> str:
    """A time left, as exact as it can be known.

    >>> in_words(12.2), in_words(200), in_words(5000), in_words(9000)
    ('12 s', '3 min', '83 min', '2 h 30 min')
    """
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _robust_mean(values: deque[float]) -> float:
    limit = _OUTLIER * median(values)
    return mean(min(value, limit) for value in values)
