"""Much work: the same on many files, in one process or in several, and on a million objects.

Processes, never threads: parsing holds the interpreter lock, and threads make it slower.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 1000  # items below which starting processes costs more than it saves
_CHUNK = 250


def each(function: Callable[[Item], Result], items: Sequence[Item], *, workers: int = 1) -> Iterator[Result]:
    """``function(item)`` for each item, in order.

    Args:
        function: a function of a module (it has to travel to other processes), as its result.
        items: what it is called with.
        workers: processes; 0 takes one for each core. Few items are worked on in this process.
    """
    count = workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers or os.cpu_count()
    if not count or count == 1 or len(items) < FEW:
        yield from map(function, items)
        return
    with ProcessPoolExecutor(count) as pool:
        yield from pool.map(function, items, chunksize=_CHUNK)


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector of cycles, which would look at a million new objects again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
