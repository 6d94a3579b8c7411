"""A source that does as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from yolo_tl.streams import Picture, Policy

HANG_S = 60.0


def picture(number: int, height: int = 6, width: int = 8) -> np.ndarray:
    """A picture that tells its number."""
    return np.full((height, width, 3), number % 256, np.uint8)


class FakeSource:
    """Each connection does what its list says: an array comes as a picture, an error is raised, None is the end.

    An event is waited for within the call, as where a driver hangs. After its last entry a connection gives nothing;
    after the last connection none can be opened.
    """

    def __init__(
        self, *connections: Sequence[Any], live: bool = True, rests: bool = False, policy: Policy = "block"
    ) -> None:
        self.name = "fake"
        self.live = live
        self.rests = rests
        self.policy: Policy = policy
        self.opened: list[float] = []
        self.closed = 0
        self._connections = list(connections)

    def open(self) -> FakeFeed:
        number = len(self.opened)
        self.opened.append(time.monotonic())
        if number >= len(self._connections):
            raise ConnectionError("nobody there")
        return FakeFeed(self, self._connections[number])


class FakeFeed:
    def __init__(self, source: FakeSource, actions: Sequence[Any]) -> None:
        self._source = source
        self._actions = iter(actions)

    def read(self, timeout: float) -> Picture | None:
        for action in self._actions:
            if isinstance(action, threading.Event):
                action.wait(HANG_S)
            elif isinstance(action, BaseException):
                raise action
            else:
                return None if action is None else Picture(action)
        time.sleep(min(timeout, 0.02))
        raise TimeoutError

    def close(self) -> None:
        self._source.closed += 1
