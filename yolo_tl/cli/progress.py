"""A training run as it goes: one bar on a terminal, a line an epoch elsewhere; all on stderr."""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from yolo_tl.cli.pace import Pace, in_words
from yolo_tl.cli.plan import render
from yolo_tl.cli.terminal import quiet

if TYPE_CHECKING:
    from yolo_tl.transfer.plan import TrainPlan
    from yolo_tl.transfer.progress import EpochReport

_DRAW_EVERY = 0.1  # seconds
_BAR, _SHORTEST = 24, 8  # of the bar, columns
_COLUMNS = 80  # where a terminal does not tell


class Progress:
    """The `yolo_tl.transfer.progress.Listener` of the command line.

    The bar is over the batches of the whole run and is drawn in one line that never wraps. It uses no escape
    sequence but the carriage return. Whatever else is said stands above it. A run goes on where nobody reads
    any more: what cannot be written is left out. With ``--quiet`` nothing is written.

    Args:
        stream: where to write; stderr by default.
        clock: seconds that only grow.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._silent = quiet()
        self._terminal = self._stream.isatty()
        self._clock = clock
        self._pace = Pace(clock)
        self._stage = ""
        self._epoch = self._epochs = 0
        self._done, self._total = 0, 1
        self._loss: float | None = None
        self._score: float | None = None
        self._drawn = -_DRAW_EVERY
        self._width = 0  # columns of the bar that stands there now

    def begin(self, plan: TrainPlan) -> None:
        """Show the plan before the time is spent."""
        self._say(render(plan) + "\n")

    def stage(self, name: str, first: int, last: int, epochs: int) -> None:
        """Name the stage from now on, unless it is the only one."""
        self._stage = "" if (first, last) == (1, epochs) else _printable(name)
        self._epoch, self._epochs = first, epochs
        self._pace.restart()

    def batch(self, done: int, total: int, loss: float) -> None:
        """Move the bar."""
        self._done, self._total, self._loss = done, max(total, 1), loss
        self._pace.at(done / self._total)
        if self._terminal and self._clock() - self._drawn >= _DRAW_EVERY:
            self._draw()

    def epoch(self, report: EpochReport) -> None:
        """Show the scores of an epoch, the latest ones where it has none."""
        self._pace.epoch()
        self._score = self._score if report.map50_95 is None else report.map50_95
        if not self._terminal:
            self._say(self._epoch_line(report))
        self._epoch = min(report.epoch + 1, report.epochs)
        if self._terminal:
            self._draw()

    def note(self, text: str) -> None:
        """Say something above the bar."""
        self._say(_printable(text))

    def finish(self) -> None:
        """Leave the bar as it is and go to the next line; a second call does nothing."""
        if self._width:
            self._draw()
            self._write("\n")
            self._width = 0

    def _epoch_line(self, report: EpochReport) -> str:
        digits = len(str(report.epochs))
        parts = [f"epoch {report.epoch:{digits}d}/{report.epochs}"]
        parts += [f"[{self._stage}]"] * bool(self._stage)
        parts += [f"{name.removesuffix('_loss')} {value:.3f}" for name, value in report.losses.items()]
        if report.map50 is not None and report.map50_95 is not None:
            parts += [f"val mAP50 {report.map50:.3f}", f"mAP50-95 {report.map50_95:.3f}"]
        parts.append(f"{report.seconds:.0f} s" if report.seconds >= 9.5 else f"{report.seconds:.1f} s")
        return "  ".join(parts + self._left())

    def _left(self) -> list[str]:
        left = self._pace.left() if self._done < self._total else None
        return [] if left is None else [f"about {in_words(left)} left"]

    def _bar_line(self, columns: int) -> str:
        """The bar and the facts beside it in at most `columns`: what matters least is left out where it is narrow."""
        share = min(max(self._done / self._total, 0.0), 1.0)
        facts = {  # from left to right
            "stage": self._stage,
            "epoch": f"epoch {self._epoch}/{self._epochs}",
            "share": f"{int(100 * share)} %",
            "loss": "" if self._loss is None else f"loss {self._loss:.3f}",
            "score": "" if self._score is None else f"mAP50-95 {self._score:.3f}",
            "left": "".join(self._left()),
        }
        facts = {key: text for key, text in facts.items() if text}
        for key in ("stage", "loss", "score", "left", "share"):
            if _width("  ".join(facts.values())) <= columns:
                break
            facts.pop(key, None)
        line = "  ".join(facts.values())
        size = min(_BAR, columns - _width(line) - 4)
        if size >= _SHORTEST:
            full = int(share * size)
            line = line.replace(facts["epoch"], f"{facts['epoch']}  [{'#' * full}{'.' * (size - full)}]", 1)
        return line if _width(line) <= columns else line[: max(columns, 0)]

    def _draw(self) -> None:
        self._drawn = self._clock()
        line = self._bar_line(self._columns() - 1)  # a full line would move some terminals to the next
        self._write("\r" + line + " " * (self._width - _width(line)))
        self._width = _width(line)

    def _say(self, text: str) -> None:
        """A whole line, above the bar where there is one."""
        again = self._width > 0
        self._write("\r" + " " * self._width + "\r" if again else "")
        self._write(text + "\n")
        self._width = 0
        if again:
            self._draw()

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _COLUMNS
        except (OSError, ValueError):
            return _COLUMNS

    def _write(self, text: str) -> None:
        if self._silent:
            return
        with suppress(OSError, ValueError):  # the reader has gone, or the stream is closed
            self._stream.write(text)
            self._stream.flush()


def _printable(text: str) -> str:
    """One line without control characters."""
    return "".join(char if char.isprintable() else " " for char in text).strip()


def _width(text: str) -> int:
    """Columns of a text on a terminal: East Asian letters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


class SeriesProgress(Progress):
    """Shows the plan of the first of several runs only: the others differ in little but their images."""

    def __init__(self) -> None:
        super().__init__()
        self._planned = False

    def begin(self, plan: TrainPlan) -> None:
        """Show the plan, once."""
        if not self._planned:
            super().begin(plan)
        self._planned = True
