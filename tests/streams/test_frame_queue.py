"""Every number once and in order, whatever is dropped, in bounded memory."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.streams.frame_queue import FrameQueue
from yolo_tl.streams.source import Picture

IMAGE = np.zeros((2, 2, 3), np.uint8)
STEPS = st.lists(st.sampled_from(["put", "put", "unreadable", "gap", "look", "take"]), max_size=80)


def seen_by(queue: FrameQueue, steps: list[str]) -> list:
    frames = []
    for step in steps:
        if step == "put":
            assert queue.put(Picture(IMAGE), "ok")
        elif step == "unreadable":
            assert queue.put(Picture(None), "unreadable")
        elif step == "gap":
            queue.gap(deliver=False)
        else:
            frame = queue.gap(deliver=True) if step == "look" else queue.take(0)
            frames += [frame] if frame is not None else []
        counters = queue.counters()
        assert counters.numbered == counters.delivered + counters.waiting
    return frames


@given(STEPS, st.sampled_from(["drop-oldest", "drop-newest"]), st.integers(1, 4))
def test_every_number_comes_once_and_in_order(steps, policy, size):
    queue = FrameQueue("s", policy, size)
    frames = seen_by(queue, steps)
    queue.end()
    while (frame := queue.take(0)) is not None:
        frames.append(frame)
    assert queue.over()
    came = [number for frame in frames for number in range(frame.number, frame.number + frame.count)]
    counters = queue.counters()
    assert came == list(range(counters.numbered))
    assert counters.captured == steps.count("put") + steps.count("unreadable")
    assert (counters.waiting, counters.pictures, counters.delivered) == (0, 0, counters.numbered)
    for frame in frames:
        assert (frame.image is not None) == (frame.state == "ok")
        assert frame.count == 1 or frame.state == "dropped"
        assert getattr(counters, frame.state) >= frame.count


@given(STEPS, st.sampled_from(["drop-oldest", "drop-newest"]), st.integers(1, 4))
def test_memory_is_bounded(steps, policy, size):
    queue = FrameQueue("s", policy, size)
    for step in steps * 3:
        seen_by(queue, [step])
        assert queue.counters().pictures <= size
        assert len(queue._frames) <= 2 * size + 1


@given(st.integers(1, 4), st.integers(0, 20))
def test_the_oldest_or_the_newest_go(size, count):
    for policy, kept in (("drop-oldest", range(max(count - size, 0), count)), ("drop-newest", range(min(size, count)))):
        queue = FrameQueue("s", policy, size)
        seen_by(queue, ["put"] * count)
        queue.end()
        frames = []
        while not queue.over():
            frames.append(queue.take(0))
        assert [frame.number for frame in frames if frame.state == "ok"] == list(kept)
        assert sum(frame.state == "dropped" for frame in frames) == (count > size)  # neighbours are one


@pytest.mark.parametrize("size", [1, 3])
def test_block_waits_for_room_and_loses_nothing(size):
    queue, most = FrameQueue("s", "block", size), 0

    def fill() -> None:
        for _ in range(200):
            assert queue.put(Picture(IMAGE), "ok")
        queue.end()

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    numbers = []
    while not queue.over():
        frame = queue.take(20)
        if frame is not None:
            numbers.append(frame.number)
        most = max(most, queue.counters().pictures)
    assert numbers == list(range(200))
    assert most <= size
    thread.join(20)
    assert not thread.is_alive()


def test_who_waits_returns_when_the_queue_is_closed():
    queue, said = FrameQueue("s", "block", 1), []
    queue.put(Picture(IMAGE), "ok")
    threads = [threading.Thread(target=lambda: said.append(queue.put(Picture(IMAGE), "ok")), daemon=True)]
    empty = FrameQueue("s", "block", 1)
    threads.append(threading.Thread(target=lambda: said.append(empty.take()), daemon=True))
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    assert not said
    queue.close()
    empty.close()
    for thread in threads:
        thread.join(20)
    assert sorted(map(str, said)) == ["False", "None"]
    assert queue.take(0) is None
    assert queue.over()
    assert not queue.put(Picture(IMAGE), "ok")
    assert queue.counters().waiting == 1  # it was never taken, and is not said to have been


def test_what_ends_the_source_is_raised_after_what_came_before_it():
    queue = FrameQueue("s", "block", 2)
    queue.put(Picture(IMAGE), "ok")
    queue.end(OSError("broken"))
    assert not queue.over()
    assert queue.take(0).state == "ok"
    with pytest.raises(OSError, match="broken"):
        queue.over()
    assert queue.over()


def test_a_frame_that_is_too_old_when_it_is_taken_is_late():
    queue = FrameQueue("s", "block", 5, deadline=30.0)
    for age, state in ((0.0, "ok"), (31.0, "ok"), (31.0, "stale")):
        queue.put(Picture(IMAGE, arrived=time.monotonic() - age), state)
    assert [queue.take(0).state for _ in range(3)] == ["ok", "late", "stale"]
    assert queue.counters().late == 1
