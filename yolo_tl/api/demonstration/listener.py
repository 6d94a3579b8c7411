"""What a demo tells while it runs, and who listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from yolo_tl.transfer.progress import Listener, Silent

if TYPE_CHECKING:
    from yolo_tl.api.demonstration.record import Step
    from yolo_tl.api.demonstration.start import Start


class DemoListener(Protocol):
    """Is told of the start, then of each step: begin, advances, end. A step that is kept is told by `end` alone."""

    def start(self, start: Start) -> None:
        """The checkpoint is chosen."""

    def begin(self, number: int, total: int, name: str, command: str) -> None:
        """A step begins: its number from 1, its name, and the command as one would type it."""

    def advance(self, done: int, total: int) -> None:
        """So many pictures of the step are done."""

    def end(self, step: Step) -> None:
        """A step is over."""

    def training(self) -> Listener:
        """Who is told of training runs."""


class Unheard:
    """A `DemoListener` that says nothing."""

    def start(self, start: Start) -> None:
        """Nothing."""

    def begin(self, number: int, total: int, name: str, command: str) -> None:
        """Nothing."""

    def advance(self, done: int, total: int) -> None:
        """Nothing."""

    def end(self, step: Step) -> None:
        """Nothing."""

    def training(self) -> Listener:
        """One that says nothing, either."""
        return Silent()
