"""Threads that do the work, and a bounded queue before them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class QueueFull(Exception):
    """As many requests wait as may."""


class Expired(Exception):
    """A request waited until its deadline."""


class Closed(Exception):
    """The server is shutting down."""


@dataclass(eq=False)
class _Job:
    work: Callable[[], Any]
    deadline: float
    future: Future[Any] = field(default_factory=Future)


class Workers:
    """A fixed number of threads; what was accepted is done, also while they are closed.

    Args:
        count: threads.
        waiting: most jobs that wait while all threads are busy.
    """

    def __init__(self, count: int, waiting: int) -> None:
        self._count, self._waiting = count, waiting
        self._jobs: deque[_Job] = deque()
        self._busy = 0
        self._closing = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, daemon=True, name=f"worker {i}") for i in range(count)]
        for thread in self._threads:
            thread.start()

    @property
    def depth(self) -> int:
        """Jobs that wait."""
        return len(self._jobs)

    def submit(self, work: Callable[[], Answer], *, deadline: float, urgent: bool = False) -> Future[Answer]:
        """Have `work` done by the next free thread.

        Args:
            work: what is done.
            deadline: on the monotonic clock; what has not begun by then is not done.
            urgent: before all others, and even where as many wait as may.

        Returns:
            Its answer to come, which may be `Expired`; cancelled before it began, it is not done.

        Raises:
            QueueFull: too many wait.
            Closed: nothing more is accepted.
        """
        job = _Job(work, deadline)
        with self._changed:
            if self._closing:
                raise Closed
            if not urgent and self._full():
                self._jobs = deque(job for job in self._jobs if not job.future.cancelled())
                if self._full():
                    raise QueueFull
            self._jobs.appendleft(job) if urgent else self._jobs.append(job)
            self._changed.notify()
        return job.future

    def close(self, patience: float | None = None) -> None:
        """Accept nothing more, and return when everything accepted is done, or after `patience` seconds."""
        until = None if patience is None else time.monotonic() + patience
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(None if until is None else max(until - time.monotonic(), 0))

    def _full(self) -> bool:
        return self._busy + len(self._jobs) >= self._count + self._waiting

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closing)
                if not self._jobs:
                    return
                job = self._jobs.popleft()
                self._busy += 1
            _do(job)
            del job  # and with it a body, which would otherwise be kept until the next job comes
            with self._changed:
                self._busy -= 1


def _do(job: _Job) -> None:
    if not job.future.set_running_or_notify_cancel():
        return
    if time.monotonic() > job.deadline:
        job.future.set_exception(Expired())
        return
    try:
        answer = job.work()
    except BaseException as error:  # whatever it is, the thread goes on and the waiting request is told
        job.future.set_exception(error)
    else:
        job.future.set_result(answer)
