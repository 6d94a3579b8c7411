"""Ctrl-C while training: the run ends after the current batch, with its last state whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Give a function to be called between batches: it calls `stop`, which raises, once Ctrl-C was pressed.

    A second Ctrl-C is not waited for. Outside the main thread, which alone gets signals, nothing is changed.
    """
    pressed = threading.Event()

    def press(number: int, frame: FrameType | None) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    def check() -> None:
        if pressed.is_set():
            stop()

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
