from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.sinks import HEADER, decision

from yolo_tl.errors import WriteError
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.sinks import CallbackSink, Recorder, Sink, SinkCounters


class Probe:
    """Notes what is asked of it, and fails where it is told to."""

    name = "probe"

    def __init__(self, notes: list[str], *, fails: str = "", required: bool = False) -> None:
        self.notes, self.fails, self.required, self.counters = notes, fails, required, SinkCounters()

    def open(self, header: Mapping[str, Any]) -> None:
        self._note("open")

    def write(self, decision: Decision) -> None:
        self._note("write")

    def close(self) -> None:
        self._note("close")

    def _note(self, what: str) -> None:
        self.notes.append(what)
        if what == self.fails:
            raise OSError(f"{what} failed")


def test_anything_of_that_form_is_a_sink() -> None:
    assert isinstance(Probe([]), Sink)
    assert isinstance(CallbackSink(print), Sink)
    assert not isinstance(print, Sink)


def test_the_required_ones_are_written_apart_from_the_others() -> None:
    first: list[str] = []
    second: list[str] = []
    recorder = Recorder([Probe(first), Probe(second, required=True)])
    recorder.open(HEADER)
    recorder.write(decision())
    assert (first, second) == (["open"], ["open", "write"])
    recorder.offer(decision())
    assert (first, second) == (["open", "write"], ["open", "write"])
    recorder.close()
    recorder.close()
    assert first[2:] == second[2:] == ["close"]
    assert list(recorder.counters) == ["probe", "probe-2"]


def test_failures_of_the_required_and_of_the_others() -> None:
    needed, other = Probe([], fails="write", required=True), Probe([], fails="write")
    recorder = Recorder([needed, other])
    recorder.open(HEADER)
    with pytest.raises(WriteError, match="probe: OSError: write failed"):
        recorder.write(decision())
    recorder.offer(decision())
    assert (needed.counters.failed, other.counters.failed) == (1, 1)
    assert other.counters.error == "write failed"


def test_all_are_opened_or_none_and_all_are_closed() -> None:
    good: list[str] = []
    recorder = Recorder([Probe(good), Probe([], fails="open")])
    with pytest.raises(OSError, match="open failed"):
        recorder.open(HEADER)
    assert good == ["open", "close"]
    last: list[str] = []
    recorder = Recorder([Probe([], fails="close"), Probe([], fails="close", required=True), Probe(last)])
    recorder.open(HEADER)
    with pytest.raises(WriteError, match="close failed"):
        recorder.close()
    assert last == ["open", "close"]
    recorder = Recorder([Probe([], fails="close")])
    recorder.open(HEADER)
    recorder.close()


def test_a_callback_is_told_what_it_asked_for() -> None:
    told: list[str] = []
    sink = CallbackSink(lambda one: told.append(one.verdict), verdicts=["FAIL", "UNKNOWN"])
    for verdict in ("PASS", "FAIL", "UNKNOWN"):
        sink.write(decision(0, verdict))
    assert told == ["FAIL", "UNKNOWN"]
    assert sink.counters.delivered == 2
