"""The stack on which a thread handles signals, kept what it was."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """``stack_t`` of sigaltstack(2)."""

    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def same_signal_stack() -> Iterator[None]:
    """Whatever the block loads, this thread handles signals where it did before.

    OpenVINO's CPU plugin gives the thread that loads it a stack of its own for signals. Unloaded in another thread, as
    by a model that is exchanged while it runs, it frees that stack and leaves it in use: the next signal, Ctrl-C or
    SIGTERM, then ends the process with a segmentation fault.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    libc, before = ctypes.CDLL(None), _Stack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)
