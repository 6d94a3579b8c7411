"""Threads that have to leave the libraries they are in before the interpreter ends.

A thread that returns from C++ into an interpreter that has ended takes the whole process down with ``abort``, and a
finished inspection with it. That happens whenever a camera hangs at the end: its driver returns a little later.
"""

from __future__ import annotations

import atexit
from typing import Protocol
from weakref import WeakSet


class Leaver(Protocol):
    """Something with threads that call into libraries."""

    def leave(self) -> None:
        """Stop, and wait until no thread is inside a library, or is never expected to return."""
        ...


_LEAVERS: WeakSet[Leaver] = WeakSet()


def leaves_before_exit(leaver: Leaver) -> None:
    """Have it leave when the interpreter ends, if it still exists then."""
    _LEAVERS.add(leaver)


@atexit.register
def _all_leave() -> None:
    for leaver in list(_LEAVERS):
        leaver.leave()
