"""Pictures that a Python program has: pushed from any thread, or taken from anything that can be iterated."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from threading import Condition
from typing import Any

from yolo_tl.edge.image import as_bgr
from yolo_tl.errors import ImageError, RuntimeFailure, UsageError
from yolo_tl.streams.source import Picture, Policy


class PushSource:
    """A source into which pictures are put, as a camera's library hands them over.

    Args:
        name: for people and records.
        policy: what happens where there is no room; ``block``: `put` waits.
    """

    live = True
    rests = True

    def __init__(self, name: str = "push", *, policy: Policy = "block") -> None:
        self.name = name
        self.policy: Policy = policy
        self._slot: Picture | None = None
        self._closed = False
        self._changed = Condition()

    def put(self, image: Any, *, captured: float | None = None, label: str = "", timeout: float | None = None) -> None:
        """Hand a picture over, from any thread; it is copied, so that its buffer can be used again.

        Args:
            image: (H, W, 3) uint8 BGR, or grey (H, W) or (H, W, 1).
            captured: Unix time in s; by default now.
            label: what it is called; by default source and number.
            timeout: s to wait for room; None for as long as it takes.

        Raises:
            ImageError: an array that is no image.
            RuntimeFailure: there was no room within `timeout`.
            UsageError: the source is closed.
        """
        copy = as_bgr(image)
        copy = copy.copy() if copy is image else copy
        picture = Picture(copy, label, time.time() if captured is None else captured)
        with self._changed:
            free = self._changed.wait_for(lambda: self._slot is None or self._closed, timeout)
            if self._closed:
                raise UsageError(f"{self.name}: expected an open source, found it closed")
            if not free:
                raise RuntimeFailure(
                    f"{self.name}: no room for a picture within {timeout:g} s",
                    hint="nothing takes the frames of its stream; or let pictures be dropped with another policy",
                )
            self._slot = picture
            self._changed.notify_all()

    def close(self) -> None:
        """End the source; what was put is still delivered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def open(self) -> PushFeed:
        """What takes the pictures."""
        return PushFeed(self)

    def _take(self, timeout: float) -> Picture | None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._slot is not None or self._closed, timeout):
                raise TimeoutError
            picture, self._slot = self._slot, None
            self._changed.notify_all()
            return picture


class PushFeed:
    """Takes what was put."""

    def __init__(self, source: PushSource) -> None:
        self._source = source

    def read(self, timeout: float) -> Picture | None:
        """The next picture, or None when the source is closed.

        Raises:
            TimeoutError: nothing was put within `timeout` s.
        """
        return self._source._take(timeout)

    def close(self) -> None:
        """Nothing to let go: the source may be opened again."""


class IterableSource:
    """Pictures of a list, a generator, anything that can be iterated once; it ends where that ends.

    Args:
        images: (H, W, 3) uint8 BGR or grey, or pairs of a label and such an array. Each is copied, because a generator
            may use one buffer again and again.
        name: for people and records.
    """

    live = False
    rests = False
    policy: Policy = "block"

    def __init__(self, images: Iterable[Any], *, name: str = "python") -> None:
        self.name = name
        self._images = images

    def open(self) -> IterableFeed:
        """Begin to iterate."""
        return IterableFeed(iter(self._images))


class IterableFeed:
    """Takes one item after the other."""

    def __init__(self, images: Iterator[Any]) -> None:
        self._images = images

    def read(self, timeout: float) -> Picture | None:
        """The next picture, or None at the end; an item that is no image is a picture that is none."""
        for item in self._images:
            label, image = item if isinstance(item, tuple) else ("", item)
            try:
                return Picture(as_bgr(image).copy(), str(label))
            except ImageError as error:
                return Picture(None, str(label), problem=str(error))
        return None

    def close(self) -> None:
        """Nothing to let go."""
