"""A bounded queue between two threads that ends, with or without an error."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Handover(Generic[T]):
    """One thread puts, another gets.

    Args:
        size: what waits at most before `put` blocks.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._released = False
        self._refused = False
        self._error: BaseException | None = None
        self._listener: Callable[[], object] | None = None

    def put(self, item: T) -> bool:
        """Add one, waiting while it is full; False where nobody will take it."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < self._size or self._released or self._refused)
            if self._refused:
                return False
            self._waiting.append(item)
            self._tell()
        return True

    def finish(self, error: BaseException | None = None) -> None:
        """Say that no more come; the error is raised to whoever gets, after what waits."""
        with self._changed:
            self._ended, self._error = True, error
            self._tell()

    def release(self) -> None:
        """Let `put` wait no longer: whoever gets may have left, and what is put is kept."""
        with self._changed:
            self._released = True
            self._tell()

    def refuse(self) -> None:
        """Take nothing any more."""
        with self._changed:
            self._refused = True
            self._tell()

    def get(self) -> T:
        """The next one, waiting for it.

        Raises:
            StopIteration: no more come.
            BaseException: the error it ended with, once.
        """
        with self._changed:
            self._changed.wait_for(self._is_ready)
            return self._take()

    def get_nowait(self) -> T | None:
        """The next one, or None where there is none yet; raises as `get` does."""
        with self._changed:
            return self._take() if self._is_ready() else None

    def listen(self, listener: Callable[[], object] | None) -> None:
        """Call `listener`, from the thread that changes something, whenever something changes."""
        with self._changed:
            self._listener = listener

    def take_error(self) -> BaseException | None:
        """The error it ended with, if nobody has seen it yet."""
        with self._changed:
            error, self._error = self._error, None
            return error

    def _is_ready(self) -> bool:
        return bool(self._waiting) or self._ended

    def _take(self) -> T:
        if self._waiting:
            item = self._waiting.popleft()
            self._changed.notify_all()
            return item
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def _tell(self) -> None:
        self._changed.notify_all()
        if self._listener is not None:
            self._listener()
