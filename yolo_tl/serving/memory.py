"""Memory that is given back."""

from __future__ import annotations

import ctypes
import sys


def release() -> None:
    """Give freed memory back to the system, where the C library can be told to.

    Loading a model beside another leaves holes of many MB in the heap, which glibc keeps for later: after a dozen
    exchanges of a model of 10 MB that was 90 MB, resident and of no use.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim(0)
