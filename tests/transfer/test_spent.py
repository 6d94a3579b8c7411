from __future__ import annotations

from pathlib import Path

import pytest

from yolo_tl.transfer import spent
from yolo_tl.transfer.progress import EpochReport, Silent
from yolo_tl.transfer.spent import EpochMeter, Spent

REPORT = EpochReport(1, 2, "all", 1.0, {}, None, None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Processor seconds, to be moved on."""
    now = [100.0]
    monkeypatch.setattr(spent, "processor_seconds", lambda: now[0])
    return now


def test_time_adds_up_over_calls_and_processes(tmp_path: Path, clock: list[float]) -> None:
    first = Spent(tmp_path / "spent.json")
    with first.counting("a"):
        clock[0] += 5
    with pytest.raises(KeyboardInterrupt), first.counting("a"):
        clock[0] += 2
        raise KeyboardInterrupt
    with first.counting("b"):
        clock[0] += 1
    again = Spent(tmp_path / "spent.json")
    with again.counting("a"):
        clock[0] += 3
    for counted in (again, Spent(tmp_path / "spent.json")):
        assert (counted.seconds("a"), counted.seconds("b"), counted.seconds("c")) == (10, 1, 0)
        assert counted.total == 11


def test_an_epoch_is_counted_without_what_comes_before_and_after(tmp_path: Path, clock: list[float]) -> None:
    told: list[str] = []

    class Listener(Silent):
        def note(self, text: str) -> None:
            told.append(text)

        def epoch(self, report: EpochReport) -> None:
            told.append(f"epoch {report.epoch}")

    counted = Spent(tmp_path / "spent.json")
    with counted.counting("run"):
        clock[0] += 50  # loading
        meter = EpochMeter(Listener(), counted, "run")
        meter.note("hello")
        for _ in range(2):
            clock[0] += 7  # set-up between stages
            meter.stage("all", 1, 2, 2)
            clock[0] += 4
            meter.epoch(REPORT)
            clock[0] += 2
            meter.epoch(REPORT)
        clock[0] += 9  # scoring
    assert counted.per_epoch("run") == 3
    assert Spent(tmp_path / "spent.json").per_epoch("run") == 3
    assert counted.seconds("run") == 85
    assert counted.per_epoch("other") is None
    assert told == ["hello", *["epoch 1"] * 4]
