"""The bar on a pseudo-terminal and the lines in a pipe, as a person would see them."""

from __future__ import annotations

import fcntl
import inspect
import io
import os
import pty
import struct
import termios
import unicodedata
from types import SimpleNamespace
from typing import Any

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from yolo_tl.cli import progress as module
from yolo_tl.cli.progress import Progress
from yolo_tl.cli.terminal import QUIET
from yolo_tl.transfer.progress import EpochReport, Listener


class Screen:
    """A terminal that knows carriage return and line feed, and counts what would wrap.

    A line is a list of columns. A wide letter stands in two of them, of which the second is empty; a combining mark
    stands in that of the letter before it.
    """

    def __init__(self, text: str, columns: int) -> None:
        self.lines: list[list[str]] = [[]]
        self.wrapped = 0
        column = 0
        for char in text:
            if char == "\r":
                column = 0
            elif char == "\n":
                self.lines.append([])
            else:
                assert char.isprintable(), repr(char)
                column += self._put(self.lines[-1], column, char)
                self.wrapped += len(self.lines[-1]) > columns

    @staticmethod
    def _put(line: list[str], column: int, char: str) -> int:
        if unicodedata.combining(char):
            if column:
                line[column - 1] += char
            return 0
        width = 2 if unicodedata.east_asian_width(char) in "WF" else 1
        line += [" "] * (column + width - len(line))
        for half in (column, column + width):  # what is left of a wide letter that is overwritten
            if half < len(line) and line[half] == "":
                line[half - 1 if half == column else half] = " "
        line[column : column + width] = [char, ""][:width]
        return width

    @property
    def text(self) -> list[str]:
        return ["".join(line).rstrip() for line in self.lines]


class Terminal:
    """A `Progress` on a pseudo-terminal of so many columns, with a clock that is moved by hand."""

    def __init__(self, columns: int = 100) -> None:
        self.columns, self.now = columns, 0.0
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self.shown = b""
        self.progress = Progress(self.stream, clock=lambda: self.now)

    def pump(self) -> None:
        """Read what stands there, before the buffer of the terminal is full."""
        os.set_blocking(self.master, False)
        while True:
            try:
                self.shown += os.read(self.master, 1 << 16)
            except OSError:
                return

    def screen(self) -> Screen:
        self.pump()
        return Screen(self.shown.decode(), self.columns)

    def close(self) -> None:
        self.stream.close()
        os.close(self.master)


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.close()


class Pipe:
    """A `Progress` that writes into a pipe."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reader, writer = os.pipe()
        self.stream = os.fdopen(writer, "w", encoding="utf-8")
        self.progress = Progress(self.stream, clock=lambda: self.now)

    def read(self) -> str:
        self.stream.close()
        with os.fdopen(self.reader, encoding="utf-8") as stream:
            return stream.read()


def report(epoch: int, *, epochs: int = 20, score: float | None = None, stage: str = "head") -> EpochReport:
    losses = {"box_loss": 1.2344, "cls_loss": 0.5}
    return EpochReport(epoch, epochs, stage, 12.3, losses, None if score is None else score + 0.2, score)


def work(seen: Any, *, epochs: int = 4, batches: int = 10, seconds: float = 1.0) -> None:
    """Two stages, a validation in every second epoch, a note."""
    done, total = 0, epochs * batches
    for name, first, last in (("head", 1, 2), ("all", 3, epochs)):
        seen.progress.stage(name, first, last, epochs)
        for epoch in range(first, last + 1):
            for _ in range(batches):
                seen.now += seconds
                done += 1
                seen.progress.batch(done, total, 3.0 / done)
            seen.progress.epoch(report(epoch, epochs=epochs, stage=name, score=0.1 * epoch if epoch % 2 == 0 else None))
            if epoch == 1:
                seen.progress.note("out of memory: batch 16 → 8")
    seen.progress.finish()


def test_it_listens_to_all_that_a_run_tells():
    for name, method in inspect.getmembers(Listener, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(getattr(Progress, name)) == inspect.signature(method), name


def test_a_line_an_epoch_in_a_pipe():
    pipe = Pipe()
    work(pipe)
    text = pipe.read()
    assert "\r" not in text
    lines = text.splitlines()
    assert lines[0] == "epoch 1/4  [head]  box 1.234  cls 0.500  12 s  about 30 s left"
    assert lines[1] == "out of memory: batch 16 → 8"
    assert lines[2].startswith("epoch 2/4  [head]  box 1.234  cls 0.500  val mAP50 0.400  mAP50-95 0.200  12 s  about ")
    assert lines[3] == "epoch 3/4  [all]  box 1.234  cls 0.500  12 s  about 10 s left"
    assert lines[4] == "epoch 4/4  [all]  box 1.234  cls 0.500  val mAP50 0.600  mAP50-95 0.400  12 s"
    assert len(lines) == 5


def test_the_time_left_is_that_of_the_present_stage():
    pipe = Pipe()
    for stage, seconds in enumerate((1.0, 9.0)):
        pipe.progress.stage("all", 1 + stage, 2, 4)
        for batch in range(10):
            pipe.now += seconds
            pipe.progress.batch(10 * stage + batch + 1, 40, 1.0)
        pipe.progress.epoch(report(1 + stage, epochs=4))
    assert [line.rpartition("about ")[2] for line in pipe.read().splitlines()] == ["30 s left", "3 min left"]


def test_the_only_stage_is_not_named():
    pipe = Pipe()
    pipe.progress.stage("all", 1, 20, 20)
    pipe.progress.epoch(report(3))
    assert pipe.read() == "epoch  3/20  box 1.234  cls 0.500  12 s\n"


def test_one_bar_on_a_terminal_and_notes_above_it(terminal):
    work(terminal)
    screen = terminal.screen()
    assert screen.wrapped == 0
    assert screen.text == [
        "out of memory: batch 16 → 8",
        "all  epoch 4/4  [########################]  100 %  loss 0.075  mAP50-95 0.400",
        "",
    ]


def test_the_bar_says_where_the_run_is(terminal):
    terminal.progress.stage("head", 1, 2, 20)
    for done in range(1, 31):
        terminal.now += 2
        terminal.progress.batch(done, 200, 2.5)
        if done % 10 == 0:
            terminal.progress.epoch(report(done // 10, score=0.25 if done == 20 else None))
    (line,) = terminal.screen().text
    assert line == "head  epoch 4/20  [###.....................]  15 %  loss 2.500  mAP50-95 0.250  about 6 min left"


def test_the_plan_comes_first(terminal, monkeypatch):
    monkeypatch.setattr(module, "render", lambda plan: f"plan of {plan.name}")
    terminal.progress.begin(SimpleNamespace(name="cells"))
    assert terminal.screen().text == ["plan of cells", "", ""]


def test_the_bar_is_not_drawn_for_every_batch(terminal):
    terminal.progress.stage("head", 1, 2, 20)
    for done in range(1, 1001):
        terminal.now += 0.001
        terminal.progress.batch(done, 2000, 1.0)
    terminal.pump()
    assert 8 <= terminal.shown.count(b"\r") <= 12


def test_a_run_that_is_stopped_leaves_its_bar_once(terminal):
    terminal.progress.finish()
    assert terminal.screen().text == [""]
    terminal.progress.stage("head", 1, 2, 20)
    terminal.progress.batch(5, 100, 1.0)
    terminal.progress.finish()
    terminal.progress.finish()
    assert terminal.screen().text == ["head  epoch 1/20  [#.......................]  5 %  loss 1.000", ""]


@example(
    columns=52,
    name="",
    events=[("batch", 0, 0.0, ""), ("stage", 0, 0.0, "⺀"), ("batch", 0, 0.0, ""), ("note", 0, 0.0, "")],
)
@given(
    columns=st.integers(2, 130),
    name=st.text(max_size=30),
    events=st.lists(
        st.tuples(st.sampled_from(["batch", "epoch", "note", "stage"]), st.integers(0, 300), st.floats(), st.text()),
        max_size=25,
    ),
)
def test_nothing_wraps_and_nothing_is_lost(columns, name, events):
    terminal = Terminal(columns)
    progress, notes = terminal.progress, []
    progress.stage(name, 1, 3, 300)
    for kind, number, value, text in events:
        terminal.now += 1
        if kind == "batch":
            progress.batch(number, 300, value)
        elif kind == "epoch":
            progress.epoch(report(number, epochs=300, score=value))
        elif kind == "stage":
            progress.stage(text, number, number + 1, 300)
        else:
            progress.note(f"note {number}")
            notes.append(f"note {number}")
    progress.finish()
    screen = terminal.screen()
    terminal.close()
    drawn = any(kind in ("batch", "epoch") for kind, *_ in events)
    assert [line for line in screen.text[:-1] if line.startswith("note ")][: len(notes)] == notes
    assert len(screen.text) == len(notes) + drawn + 1
    if columns >= 12:  # a note may be longer than a narrower terminal; the bar never is
        assert screen.wrapped == 0


def test_a_run_goes_on_where_nobody_reads():
    pipe = Pipe()
    os.close(pipe.reader)
    work(pipe)
    with pytest.raises(BrokenPipeError):
        pipe.stream.close()
    pipe.progress.note("into a closed stream")


def test_a_terminal_that_does_not_tell_its_size(terminal):
    fcntl.ioctl(terminal.stream, termios.TIOCSWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
    terminal.progress.stage("head", 1, 2, 20)
    terminal.progress.batch(50, 100, 1.0)
    (line,) = terminal.screen().text
    assert len(line) < 80
    assert "50 %" in line


def test_nothing_is_said_with_quiet() -> None:
    for quiet, said in ((True, ""), (False, "fetched\n")):
        stream = io.StringIO()
        with click.Context(click.Command("train")) as context:
            context.meta[QUIET] = quiet
            progress = Progress(stream)
        progress.note("fetched")
        assert stream.getvalue() == said
