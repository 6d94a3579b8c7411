"""k of the last n frames, some of which may not be known."""

from __future__ import annotations

from collections import deque


class Window:
    """The last `n` outcomes of a rule. A frame that was not looked at stays open: it could have been either.

    Args:
        k: so many broken ones are a FAIL.
        n: frames that are looked back on.
    """

    def __init__(self, k: int, n: int) -> None:
        self.k, self.n = k, n
        self._outcomes: deque[bool | None] = deque()
        self.broken = 0
        self.held = 0

    def push(self, outcome: bool | None, count: int = 1) -> None:
        """Add the newest frame, or `count` of one kind: broken, held, or not known (None)."""
        for _ in range(min(count, self.n)):
            if len(self._outcomes) == self.n:
                self._add(self._outcomes.popleft(), -1)
            self._outcomes.append(outcome)
            self._add(outcome, 1)

    @property
    def seen(self) -> int:
        """Frames that have passed, at most `n`."""
        return len(self._outcomes)

    @property
    def open(self) -> int:
        """Frames of the last `n` that could have been either, those before the first one among them."""
        return self.n - self.broken - self.held

    @property
    def verdict(self) -> bool | None:
        """True: broken in at least `k` whatever the open ones were; False: in fewer; None: that depends on them."""
        if self.broken >= self.k:
            return True
        return False if self.broken + self.open < self.k else None

    def _add(self, outcome: bool | None, one: int) -> None:
        if outcome is not None:
            if outcome:
                self.broken += one
            else:
                self.held += one
