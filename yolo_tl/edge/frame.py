"""A picture with where and when it was taken, or word that there is none."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from yolo_tl.edge.image import Image

State = Literal["ok", "dropped", "late", "stale", "lost", "unreadable", "resized"]
"""What became of a frame.

``ok``: a picture as it was taken.
``dropped``: a queue was full, and its picture was let go.
``late``: it waited longer than its deadline.
``stale``: the source repeats one picture.
``lost``: the source gives nothing; there is no picture.
``unreadable``: what came is no picture.
``resized``: a picture of another size than those before it.
"""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source. Where there is none it says so; a picture is never made up.

    Attributes:
        image: (H, W, 3) uint8 BGR, or None.
        source: what it comes from: a path, an address, the name of a camera.
        number: counted from 0 for each source; each number is delivered once.
        label: what the picture is called: its path, ``clip.mp4#12``.
        captured: Unix time in s at which it was taken, or at which its lack was noticed.
        arrived: the same on the monotonic clock, which is never set back.
        state: what became of it.
        count: frames this stands for, `number` being the first; above 1 only for neighbours that were dropped.
    """

    image: Image | None
    source: str
    number: int
    label: str = ""
    captured: float = field(default_factory=time.time)
    arrived: float = field(default_factory=time.monotonic)
    state: State = "ok"
    count: int = 1

    def __post_init__(self) -> None:
        if self.state == "ok" and self.image is None:
            raise ValueError("expected a picture of a frame that is ok")
        if not self.label:
            object.__setattr__(self, "label", f"{self.source}#{self.number}")

    @property
    def age(self) -> float:
        """Seconds since it arrived."""
        return time.monotonic() - self.arrived
