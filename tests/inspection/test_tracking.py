"""Which object is which."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.inspection.rules import TrackingConfig
from yolo_tl.inspection.tracking import Tracker


def box(x: float, y: float = 50, side: float = 20) -> list[float]:
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]


def follow(tracker: Tracker, *boxes: list[float], classes: list[int] | None = None) -> tuple[int, ...]:
    return tracker.update(np.array(boxes, np.float32).reshape(-1, 4), np.array(classes or [0] * len(boxes)))


def test_an_object_that_moves_evenly_keeps_its_number_across_frames_that_were_not_looked_at() -> None:
    tracker = Tracker(TrackingConfig())
    assert [follow(tracker, box(10 + 8 * t)) for t in range(6)] == [(1,)] * 6
    tracker.skip(4)  # it has moved by twice its side meanwhile
    assert follow(tracker, box(10 + 8 * 10)) == (1,)


def test_an_object_that_is_gone_for_longer_is_another_one() -> None:
    tracker = Tracker(TrackingConfig(patience=2))
    assert follow(tracker, box(50)) == (1,)
    assert [follow(tracker), follow(tracker)] == [(), ()]
    assert follow(tracker, box(50)) == (1,)
    assert [follow(tracker) for _ in range(3)] == [()] * 3
    assert follow(tracker, box(50)) == (2,)
    tracker.skip(3)
    assert follow(tracker, box(50)) == (3,)


def test_another_class_is_another_object() -> None:
    tracker = Tracker(TrackingConfig())
    assert follow(tracker, box(50), classes=[0]) == (1,)
    assert follow(tracker, box(50), box(51), classes=[1, 0]) == (2, 1)


def test_the_better_overlap_goes_first_whatever_the_order() -> None:
    tracker = Tracker(TrackingConfig())
    assert follow(tracker, box(50), box(60)) == (1, 2)
    assert follow(tracker, box(61), box(51)) == (2, 1)


def test_a_known_motion_joins_objects_that_never_overlap_where_they_were() -> None:
    still, moving = Tracker(TrackingConfig()), Tracker(TrackingConfig(motion=(30.0, 0.0)))
    for tracker, last in ((still, 3), (moving, 1)):
        assert [follow(tracker, box(10 + 30 * t))[0] for t in range(3)][-1] == last


@given(st.integers(1, 5), st.integers(-12, 12), st.lists(st.booleans(), min_size=1, max_size=30), st.randoms())
@settings(max_examples=60, deadline=None)
def test_objects_that_keep_apart_are_never_confused(count, speed, looked, random) -> None:
    """Their motion is known, so gaps of any kind within the patience change nothing."""
    tracker = Tracker(TrackingConfig(patience=len(looked), motion=(float(speed), 0.0)))
    numbers: dict[int, int] = {}
    for t, seen in enumerate(looked):
        if not seen:
            tracker.skip(1)
            continue
        order = list(range(count))
        random.shuffle(order)
        found = follow(tracker, *[box(500 + speed * t, 60 * i + 30) for i in order])
        assert all(numbers.setdefault(i, number) == number for i, number in zip(order, found, strict=True))
    assert len(set(numbers.values())) == len(numbers)


def test_numbers_of_those_alive_are_known_and_memory_is_bounded() -> None:
    tracker = Tracker(TrackingConfig(patience=1))
    for t in range(50):
        follow(tracker, box(1000 * t))
        assert len(tracker.alive) <= 3
    assert 50 in tracker.alive
