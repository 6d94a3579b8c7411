"""A frame as a log knows it: all but its picture."""

from __future__ import annotations

from dataclasses import dataclass

from yolo_tl.edge.frame import Frame


@dataclass(frozen=True, eq=False)
class LoggedFrame(Frame):
    """A frame that was looked at when it was logged; its picture is gone, its size is known.

    Attributes:
        size: height and width of the picture; None where there was none.
    """

    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """A frame that is ok needs no picture here: it had one."""
