"""Watchdog, reconnection, states and the end of a stream, on sources that do as they are told."""

from __future__ import annotations

import itertools
import math
import threading
import time

import numpy as np
import pytest
from support.fake_source import FakeSource, picture

from yolo_tl.errors import ConfigError, ImageError
from yolo_tl.streams import IterableSource, PushSource, Stream, StreamOptions
from yolo_tl.streams import stream as stream_module

QUICK = StreamOptions(timeout=0.2, retry=0.01, retry_limit=0.02)
SLOW = StreamOptions(timeout=60.0, retry=0.01, retry_limit=0.02)


def take(stream: Stream, count: int) -> list:
    return list(itertools.islice(stream, count))


def take_from_first(stream: Stream, count: int) -> list:
    """From the first picture on: on a busy machine even that may come after the timeout."""
    return list(itertools.islice(itertools.dropwhile(lambda frame: frame.state == "lost", stream), count))


def states(frames: list) -> list[str]:
    return [frame.state for frame in frames]


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("yolo_tl-")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(readers())
    yield
    end = time.monotonic() + 20
    while set(readers()) - before and time.monotonic() < end:
        time.sleep(0.01)
    assert not set(readers()) - before


def test_what_comes_is_delivered_and_counted():
    pictures = [picture(number) for number in range(5)]
    with Stream(FakeSource([*pictures, None]), SLOW) as stream:
        frames = list(stream)
    assert [frame.image[0, 0, 0] for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.label for frame in frames] == [f"fake#{number}" for number in range(5)]
    assert (stream.counters.captured, stream.counters.ok, stream.counters.waiting) == (5, 5, 0)


def test_a_source_that_gives_nothing_is_lost_once_in_each_timeout():
    with Stream(FakeSource([picture(0)]), QUICK) as stream:
        frames = take_from_first(stream, 4)
    assert states(frames) == ["ok", "lost", "lost", "lost"]
    assert [frame.number - frames[0].number for frame in frames] == [0, 1, 2, 3]
    assert all(frame.image is None for frame in frames[1:])
    moments = [frame.arrived for frame in frames]
    assert all(later - earlier >= 0.2 for earlier, later in itertools.pairwise(moments))
    assert stream.counters.captured == 1


def test_a_call_that_hangs_is_given_up_and_the_source_opened_anew():
    never = threading.Event()
    source = FakeSource([picture(0), never, picture(99)], [picture(1)])
    options = StreamOptions(timeout=0.1, hang=0.3, retry=0.01)
    with Stream(source, options) as stream:
        frames = take_from_first(stream, 1)
        while frames[-1].state != "ok" or len(frames) == 1:
            frames.append(next(stream))
        assert states(frames[1:-1]) == ["lost"] * (len(frames) - 2)
        assert len(frames) > 2  # it was lost before it was given up
        assert frames[-1].image[0, 0, 0] == 1
        assert stream.counters.hung == 1
        assert stream.counters.reconnects == 1
        assert "did not return" in stream.problem
        never.set()  # what hung goes on, and what it gives is nobody's
        later = take(stream, 2)
    assert states(later) == ["lost", "lost"]
    numbers = [frame.number for frame in [*frames, *later]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_not_more_than_a_few_connections_hang_at_once():
    never = threading.Event()
    source = FakeSource(*[[never]] * 50)
    with Stream(source, StreamOptions(timeout=0.02, hang=0.02)) as stream:
        take(stream, 30)
        assert len(source.opened) == stream_module._HUNG + 1
        never.set()


def test_a_broken_connection_is_opened_anew():
    source = FakeSource([picture(0), OSError("cut")], [picture(1), OSError("cut again")], [picture(2)])
    with Stream(source, SLOW) as stream:
        frames = take(stream, 3)
        assert states(frames) == ["ok"] * 3
        assert stream.counters.reconnects == 2
        assert stream.problem == "cut again"
    assert source.closed == 3


def test_the_wait_before_an_attempt_grows():
    source = FakeSource()
    with Stream(source, StreamOptions(timeout=60.0, retry=0.02, retry_factor=2.0, retry_limit=0.08)) as stream:
        iter(stream)
        while len(source.opened) < 7:
            time.sleep(0.01)
    waits = np.diff(source.opened)
    # A busy machine makes a wait longer, never shorter.
    assert all(wait >= least * 0.99 for wait, least in zip(waits, [0.02, 0.04, 0.08, 0.08, 0.08, 0.08], strict=False))
    assert "nobody there" in stream.problem


def test_the_wait_is_limited_and_short_again_after_a_picture(monkeypatch):
    waits = []

    class Event(threading.Event().__class__):
        def wait(self, timeout=None):
            waits.append(timeout)
            return super().wait(0)

    monkeypatch.setattr("yolo_tl.streams.reader.Event", Event)
    broken = OSError("cut")
    source = FakeSource([broken], [broken], [picture(0), broken], *[[broken]] * 4, [picture(1), None])
    with Stream(source, StreamOptions(timeout=60.0, retry=1.0, retry_limit=6.0)) as stream:
        assert len(list(stream)) == 2
    assert waits == [1.0, 2.0, 1.0, 2.0, 4.0, 6.0, 6.0]


def test_a_gap_that_nobody_saw_is_told_before_what_came_after_it():
    gate = threading.Event()
    source = FakeSource([picture(0), gate, picture(1), picture(2)])
    with Stream(source, QUICK) as stream:
        (first,) = take_from_first(stream, 1)
        time.sleep(0.5)  # whoever takes the frames is busy, and the camera is silent
        gate.set()
        while stream.counters.captured < 3:
            time.sleep(0.01)
        frames = [first, *take(stream, 3)]
    assert states(frames) == ["ok", "lost", "ok", "ok"]
    assert stream.counters.waiting == 0


def test_the_time_in_which_there_is_no_room_is_no_loss():
    pictures = [picture(number) for number in range(6)]
    options = StreamOptions(timeout=0.3, size=1, policy="block")
    with Stream(FakeSource([*pictures[:3], None]), options) as stream:
        frames = take_from_first(stream, 1)
        for frame in stream:
            frames.append(frame)
            time.sleep(0.4)
    assert states(frames) == ["ok"] * 3


def test_the_watchdog_sleeps_while_there_is_no_room():
    options = StreamOptions(timeout=60.0, size=1, policy="block")
    with Stream(FakeSource([picture(0), picture(1), None]), options) as stream:
        iter(stream)
        end = time.monotonic() + 20
        while stream._watchdog.remaining < math.inf and time.monotonic() < end:
            time.sleep(0.01)
        assert stream._watchdog.remaining == math.inf
        next(stream)


@pytest.mark.parametrize(("policy", "kept"), [("drop-oldest", [8, 9]), ("drop-newest", [0, 1])])
def test_dropped_frames_keep_their_numbers(policy, kept):
    pictures = [picture(number) for number in range(10)]
    with Stream(FakeSource([*pictures, None]), StreamOptions(timeout=60.0, size=2, policy=policy)) as stream:
        iter(stream)
        while stream.counters.captured < 10:
            time.sleep(0.01)
        frames = list(stream)
    assert [frame.number for frame in frames if frame.state == "ok"] == kept
    (dropped,) = [frame for frame in frames if frame.state == "dropped"]
    assert dropped.count == 8
    assert stream.counters.dropped == 8


def test_what_is_no_picture_does_not_end_a_source():
    source = FakeSource([picture(0), ImageError("half a picture"), picture(1), None])
    with Stream(source, SLOW) as stream:
        frames = list(stream)
    assert states(frames) == ["ok", "unreadable", "ok"]
    assert len(source.opened) == 1
    assert stream.problem == "half a picture"


def test_a_picture_of_another_size_is_told():
    sizes = [picture(0), picture(1, 12, 16), picture(2, 6, 9), picture(3)]
    with Stream(FakeSource([*sizes, None]), SLOW) as stream:
        assert states(list(stream)) == ["ok", "resized", "resized", "ok"]
    wanted = StreamOptions(timeout=60.0, height=12, width=16)
    with Stream(FakeSource([*sizes, None]), wanted) as stream:
        assert states(list(stream)) == ["resized", "ok", "resized", "resized"]
    with Stream(IterableSource(sizes)) as stream:  # files may be of any size
        assert states(list(stream)) == ["ok"] * 4
    with Stream(IterableSource(sizes), wanted) as stream:  # unless one is asked for
        assert states(list(stream)) == ["resized", "ok", "resized", "resized"]


def test_the_size_counts_over_a_new_connection():
    source = FakeSource([picture(0), OSError("cut")], [picture(1, 12, 16), picture(2), None])
    with Stream(source, SLOW) as stream:
        assert states(list(stream)) == ["ok", "resized", "ok"]


def test_one_picture_again_and_again_is_stale():
    gate = threading.Event()
    other = picture(7)
    other[5, 7, 2] = 8  # one number differs
    source = FakeSource([picture(7), picture(7), gate, picture(7), picture(7), other, picture(7), None])
    with Stream(source, StreamOptions(timeout=60.0, stale_after=0.2)) as stream:
        frames = take(stream, 2)
        time.sleep(0.25)
        gate.set()
        frames += list(stream)
    assert states(frames) == ["ok", "ok", "stale", "stale", "ok", "ok"]
    assert all(frame.image is not None for frame in frames)
    with Stream(IterableSource([picture(7)] * 5), StreamOptions(stale_after=1e-9)) as stream:
        assert states(list(stream)) == ["ok"] * 5  # of files one may equal the other


def test_a_frame_that_waits_too_long_is_late():
    source = FakeSource([picture(0), picture(1), None])
    with Stream(source, StreamOptions(timeout=60.0, deadline=0.1)) as stream:
        iter(stream)
        while stream.counters.captured < 2:
            time.sleep(0.01)
        time.sleep(0.15)
        assert states(list(stream)) == ["late", "late"]


def test_a_source_that_rests_is_lost_only_while_it_cannot_be_opened():
    gate = threading.Event()
    source = FakeSource([picture(0), picture(1), gate, OSError("cut")], rests=True)
    options = StreamOptions(retry=0.01, retry_limit=0.02)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("yolo_tl.streams.options.TIMEOUT", 0.4)  # many times the wait between attempts in vain
        with Stream(source, options) as stream:
            frames = take_from_first(stream, 2)
            numbered = stream.counters.numbered
            threading.Timer(0.3, gate.set).start()
            frames += take(stream, 2)
    assert states(frames) == ["ok", "ok", "lost", "lost"]
    assert frames[2].number == numbered
    assert frames[2].arrived - frames[1].arrived >= 0.7  # it did not count while the source was open
    # Whoever asks for a timeout has a source that does not rest.
    with Stream(FakeSource([picture(0)], rests=True), QUICK) as stream:
        assert states(take_from_first(stream, 2)) == ["ok", "lost"]


def test_what_breaks_a_source_that_is_not_live_is_raised_in_its_place():
    def broken():
        yield picture(0)
        yield np.zeros((2, 2, 7), np.uint8)
        yield picture(1)
        raise ZeroDivisionError("of the user")

    frames = []
    with Stream(IterableSource(broken())) as stream, pytest.raises(ZeroDivisionError, match="of the user"):
        for frame in stream:
            frames.append(frame)
    assert states(frames) == ["ok", "unreadable", "ok"]
    assert next(stream, None) is None


def test_a_buffer_that_is_used_again_changes_no_frame():
    def reused():
        buffer = np.zeros((4, 4, 3), np.uint8)
        for number in range(6):
            buffer[:] = number
            yield f"label {number}", buffer

    with Stream(IterableSource(reused())) as stream:
        frames = list(stream)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == list(range(6))
    assert frames[5].label == "label 5"


def test_closing_ends_the_iteration_of_another_thread():
    seen = []
    stream = Stream(FakeSource([]), SLOW)
    with stream:
        thread = threading.Thread(target=lambda: seen.extend(stream), daemon=True)
        thread.start()
        time.sleep(0.05)
    thread.join(20)
    assert not thread.is_alive()
    assert seen == []


def test_a_stream_that_is_left_early_lets_its_source_go():
    source = FakeSource([picture(number) for number in range(100)], policy="block")
    with Stream(source, StreamOptions(timeout=60.0, size=2)) as stream:
        next(stream)
    assert source.closed == 1
    assert next(stream, None) is None
    counters = stream.counters
    assert counters.numbered == counters.delivered + counters.waiting


def test_pictures_are_pushed_from_several_threads():
    source, errors = PushSource("line 3"), []

    def push(first: int) -> None:
        buffer = np.zeros((2, 2, 3), np.uint8)
        try:
            for number in range(first, first + 50):
                buffer[:] = number
                source.put(buffer, captured=1000.0 + number, label=str(number), timeout=60)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=push, args=(first,), daemon=True) for first in (0, 50, 100, 150)]
    with Stream(source, StreamOptions(size=2)) as stream:
        for thread in threads:
            thread.start()
        frames = take(stream, 200)
        for thread in threads:
            thread.join(20)
        source.close()
        assert list(stream) == []
    assert not errors
    assert [frame.number for frame in frames] == list(range(200))
    assert {frame.source for frame in frames} == {"line 3"}
    came = [int(frame.label) for frame in frames]
    assert sorted(came) == list(range(200))
    for first in (0, 50, 100, 150):  # those of one thread stay in their order
        assert [n for n in came if first <= n < first + 50] == list(range(first, first + 50))
    for frame in frames:
        assert int(frame.image[0, 0, 0]) == int(frame.label)
        assert frame.captured == 1000.0 + int(frame.label)


def test_what_cannot_be_pushed_is_told_to_who_pushes():
    source = PushSource()
    with pytest.raises(ImageError, match="found dtype float64"):
        source.put(np.zeros((2, 2, 3)))
    source.put(picture(0))
    with pytest.raises(Exception, match=r"no room for a picture within 0\.01 s"):
        source.put(picture(1), timeout=0.01)
    source.close()
    with pytest.raises(Exception, match="expected an open source, found it closed"):
        source.put(picture(2))
    with Stream(source) as stream:
        assert states(list(stream)) == ["ok"]  # what was put before the end is still delivered


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "drop"}, "policy: expected block, drop-oldest, drop-newest, found 'drop'"),
        ({"size": 0}, "size: expected a whole number"),
        ({"timeout": 0}, "timeout: expected a number above 0"),
        ({"deadline": -1.0}, "deadline"),
        ({"stale_after": float("nan")}, "stale_after"),
        ({"retry_factor": 0.5}, "retry_factor: expected a number from 1 up"),
        ({"hang": 0.0}, "hang"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        StreamOptions(**options)
