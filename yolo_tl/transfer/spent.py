"""What several runs cost, in processor seconds: of each in all, and of its epochs alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yolo_tl.files import write_json
from yolo_tl.transfer.plan import TrainPlan
from yolo_tl.transfer.progress import EpochReport, Listener


class Spent:
    """Adds up processor time by name, in a file, so that what was stopped and went on counts once and whole.

    Args:
        file: where it is kept; what is there already counts.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        content = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        self._seconds: dict[str, float] = content.get("seconds", {})
        self._epochs: dict[str, list[float]] = content.get("epochs", {})  # how many, and their seconds

    @contextmanager
    def counting(self, name: str) -> Iterator[None]:
        """Count what the block takes, also if it ends with an error."""
        began = processor_seconds()
        try:
            yield
        finally:
            self._seconds[name] = self.seconds(name) + processor_seconds() - began
            write_json(self._file, {"seconds": self._seconds, "epochs": self._epochs})

    def epoch(self, name: str, seconds: float) -> None:
        """Count an epoch; kept when the block of `counting` ends."""
        number, before = self._epochs.get(name, (0, 0.0))
        self._epochs[name] = [number + 1, before + seconds]

    def seconds(self, name: str) -> float:
        """All that was counted under a name."""
        return self._seconds.get(name, 0.0)

    def per_epoch(self, name: str) -> float | None:
        """Mean over the epochs of a name, set-up and the last scoring left out; None if none was counted."""
        number, seconds = self._epochs.get(name, (0, 0.0))
        return seconds / number if number else None

    @property
    def total(self) -> float:
        """Over all names."""
        return sum(self._seconds.values())


class EpochMeter:
    """A `Listener` that passes everything on, and counts the processor time of each epoch.

    Args:
        listener: who is told.
        spent: where to count.
        name: under which name.
    """

    def __init__(self, listener: Listener, spent: Spent, name: str) -> None:
        self._told, self._spent, self._name = listener, spent, name
        self._began = processor_seconds()

    def begin(self, plan: TrainPlan) -> None:
        """Pass it on."""
        self._told.begin(plan)

    def stage(self, name: str, first: int, last: int, epochs: int) -> None:
        """Its first epoch begins."""
        self._told.stage(name, first, last, epochs)
        self._began = processor_seconds()

    def batch(self, done: int, total: int, loss: float) -> None:
        """Pass it on."""
        self._told.batch(done, total, loss)

    def epoch(self, report: EpochReport) -> None:
        """An epoch is over."""
        now = processor_seconds()
        self._spent.epoch(self._name, now - self._began)
        self._began = now
        self._told.epoch(report)

    def note(self, text: str) -> None:
        """Pass it on."""
        self._told.note(text)

    def finish(self) -> None:
        """Pass it on."""
        self._told.finish()


def processor_seconds() -> float:
    """Of this process and of those it has started and seen the end of, where the system tells."""
    return sum(os.times()[:4])
