"""How long a source has given nothing."""

from __future__ import annotations

import math
import time
from threading import Lock


class Watchdog:
    """Barks when a source has given nothing for too long, and again after as long.

    The time in which the source is not waited for, because there is no room for what it gives, does not count.

    Args:
        timeout: s without a picture; infinite for a watchdog that never barks.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._since = math.inf
        self._lock = Lock()

    def feed(self) -> None:
        """Count from now on."""
        with self._lock:
            self._since = time.monotonic()

    def resume(self) -> None:
        """Count from now on, if it was paused."""
        with self._lock:
            if self._since == math.inf:
                self._since = time.monotonic()

    def pause(self) -> None:
        """Do not count until it is fed or resumed."""
        with self._lock:
            self._since = math.inf

    @property
    def remaining(self) -> float:
        """Seconds until it barks, 0 at least."""
        with self._lock:
            return max(self._since + self.timeout - time.monotonic(), 0.0)

    def barks(self) -> bool:
        """Whether the time is up; if so, it counts from now on."""
        with self._lock:
            now = time.monotonic()
            if now < self._since + self.timeout:
                return False
            self._since = now
            return True
