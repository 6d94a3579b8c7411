"""What a training run tells while it runs, and who listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from yolo_tl.transfer.plan import TrainPlan


@dataclass(frozen=True)
class EpochReport:
    """How an epoch went.

    Attributes:
        epoch: 1-based, counted over the whole run.
        epochs: planned number.
        stage: name of its stage.
        seconds: wall time of the epoch, validation included.
        losses: mean training loss by its name.
        map50, map50_95: on val, of the averaged weights; None in an epoch without validation.
    """

    epoch: int
    epochs: int
    stage: str
    seconds: float
    losses: Mapping[str, float]
    map50: float | None
    map50_95: float | None


class Listener(Protocol):
    """Is told of a run in this order: begin, then for each stage its batches and epochs, then finish.

    A run may stop between any two of them; `finish` is still called. A resumed run begins with its plan
    and goes on with the stage, batch and epoch it was stopped at.
    """

    def begin(self, plan: TrainPlan) -> None:
        """The run is planned and about to start."""

    def stage(self, name: str, first: int, last: int, epochs: int) -> None:
        """A stage starts, or goes on: the next and its planned last epoch, 1-based, of `epochs` in the run."""

    def batch(self, done: int, total: int, loss: float) -> None:
        """A batch is done: `done` of `total` in the run, and the mean training loss of this epoch so far.

        `total` may change: a stage that ends sooner, or a smaller batch size.
        """

    def epoch(self, report: EpochReport) -> None:
        """An epoch is over, and its validation if it has one."""

    def note(self, text: str) -> None:
        """Something happened that changes what was planned, in one line."""

    def finish(self) -> None:
        """The run is over, however it ended."""


class Silent:
    """A `Listener` that says nothing."""

    def begin(self, plan: TrainPlan) -> None:
        """Nothing."""

    def stage(self, name: str, first: int, last: int, epochs: int) -> None:
        """Nothing."""

    def batch(self, done: int, total: int, loss: float) -> None:
        """Nothing."""

    def epoch(self, report: EpochReport) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""
