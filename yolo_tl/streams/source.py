"""What gives pictures: a source, and one connection to it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

from yolo_tl.edge.image import Image

Policy = Literal["block", "drop-oldest", "drop-newest"]
"""What happens to a picture for which there is no room.

``block``: the source waits.
``drop-oldest``: the picture that has waited longest is let go, so that what is judged is recent.
``drop-newest``: it is let go itself, so that what has waited is judged.
"""


@dataclass(frozen=True, eq=False)
class Picture:
    """What a source gave.

    Attributes:
        image: (H, W, 3) uint8 BGR, or None where what came is no picture.
        label: what it is called; empty for a name made of source and number.
        captured: Unix time in s at which it was taken.
        arrived: monotonic time in s at which it came.
        problem: why there is no picture.
    """

    image: Image | None
    label: str = ""
    captured: float = field(default_factory=time.time)
    arrived: float = field(default_factory=time.monotonic)
    problem: str = ""


class Feed(Protocol):
    """One connection to a source. One thread uses it; where that one hangs, the connection is given up with it."""

    def read(self, timeout: float) -> Picture | None:
        """The next picture; None if the source has ended and nothing will come any more.

        Args:
            timeout: seconds after which a feed that can, returns without a picture. One that cannot may block.

        Raises:
            TimeoutError: nothing came so far; it is asked again.
            ImageError: what came is no picture.
            Exception: the connection is broken. A live source is opened anew.
        """
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


class Source(Protocol):
    """Where pictures come from.

    Attributes:
        name: for people and records; without a password.
        live: it goes on while nobody reads, so that it can be lost and opened anew. What is not live has an end, and
            what is wrong with it is an error.
        rests: a live source that may give nothing for any time, such as a trigger: it is lost only while it cannot be
            opened, unless a timeout was asked for.
        policy: what happens to pictures for which there is no room, unless something else was asked for.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def live(self) -> bool: ...  # noqa: D102

    @property
    def rests(self) -> bool: ...  # noqa: D102

    @property
    def policy(self) -> Policy: ...  # noqa: D102

    def open(self) -> Feed:
        """Connect. It may be called again while an earlier connection hangs.

        Raises:
            Exception: it cannot be reached. A live source is tried again.
        """
        ...
