from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.cli.pace import Pace


class Run:
    """A run of batches and validations on a clock of its own."""

    def __init__(self, epochs: int, batches: int, done: int = 0) -> None:
        self.now, self.done, self.total, self.batches = 100.0, done, epochs * batches, batches
        self.pace = Pace(lambda: self.now)

    def epoch(self, batch: float, validation: float = 0.0) -> None:
        for _ in range(self.batches):
            self.now += batch
            self.done += 1
            self.pace.at(self.done / self.total)
        self.now += validation
        self.pace.epoch()


def test_nothing_is_known_at_the_beginning():
    run = Run(10, 5)
    assert run.pace.left() is None
    run.pace.at(0.02)
    assert run.pace.left() is None
    run.pace.epoch()
    assert run.pace.left() is None


def test_the_first_epoch_is_estimated_by_its_batches():
    run = Run(10, 5)
    for share in (0.02, 0.04, 0.06):
        run.now += 2
        run.pace.at(share)
    assert run.pace.left() == pytest.approx(47 * 2)


@given(st.floats(0.01, 100), st.floats(0, 1000), st.integers(2, 12))
def test_a_steady_run_ends_when_it_says(batch, validation, epochs):
    run = Run(epochs + 5, 7)
    for _ in range(epochs):
        run.epoch(batch, validation)
    # The first batch of all has no beginning to measure from, so the first epoch looks a little off.
    assert run.pace.left() == pytest.approx(5 * (7 * batch + validation), rel=0.1)


def test_validation_in_some_epochs_is_reckoned_with():
    run = Run(32, 10)
    for number in range(16):
        run.epoch(1.0, validation=8.0 if number % 4 == 3 else 0.0)
    assert run.pace.left() == pytest.approx(16 * 12, rel=0.01)


def test_a_machine_that_slept_is_not():
    run = Run(32, 10)
    for number in range(16):
        run.epoch(1.0, validation=30_000 if number == 13 else 0.0)
    assert run.pace.left() == pytest.approx(16 * 10 * 10 / 8, rel=0.01)  # one of eight counts three times


def test_a_stage_has_its_own_speed():
    run = Run(10, 10)
    for _ in range(5):
        run.epoch(0.1)
    run.pace.restart()
    assert run.pace.left() is None
    run.epoch(2.0)
    assert run.pace.left() == pytest.approx(4 * 20, rel=0.01)


def test_a_resumed_run_is_measured_from_where_it_goes_on():
    run = Run(10, 10, done=50)
    run.epoch(2.0)
    assert run.pace.left() == pytest.approx(4 * 20, rel=0.01)


def test_a_share_that_falls_starts_anew():
    run = Run(10, 10)
    run.epoch(1.0)
    run.done = 2
    run.now += 500
    run.pace.at(run.done / run.total)
    run.epoch(1.0)
    assert run.pace.left() == pytest.approx(88, rel=0.01)


def test_the_end_is_zero_even_past_it():
    run = Run(2, 5)
    run.epoch(1.0)
    run.epoch(1.0)
    run.pace.at(1.2)
    assert run.pace.left() == 0
