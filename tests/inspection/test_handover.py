from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.inspection.handover import Handover


@settings(max_examples=30)
@given(size=st.integers(1, 5), count=st.integers(0, 60), released=st.booleans())
def test_everything_arrives_once_and_in_order(size: int, count: int, released: bool) -> None:
    handover: Handover[int] = Handover(size)
    most = 0

    def give() -> None:
        for number in range(count):
            assert handover.put(number)
        handover.finish()

    thread = threading.Thread(target=give)
    thread.start()
    if released:
        handover.release()
    found = []
    while True:
        most = max(most, len(handover._waiting))
        try:
            found.append(handover.get())
        except StopIteration:
            break
    thread.join()
    assert found == list(range(count))
    assert released or most <= size
    with pytest.raises(StopIteration):
        handover.get_nowait()


def test_an_error_comes_after_what_waits_and_once() -> None:
    handover: Handover[int] = Handover(3)
    handover.put(1)
    handover.finish(ValueError("broken"))
    assert handover.get() == 1
    with pytest.raises(ValueError, match="broken"):
        handover.get()
    with pytest.raises(StopIteration):
        handover.get()
    assert handover.take_error() is None


def test_who_waits_for_room_is_told_that_there_is_none() -> None:
    handover: Handover[int] = Handover(1)
    taken = [handover.put(1)]
    thread = threading.Thread(target=lambda: taken.append(handover.put(2)))
    thread.start()
    handover.refuse()
    thread.join(60)
    assert taken in ([True, False], [True])
    assert not thread.is_alive()
    assert handover.get() == 1
    assert handover.get_nowait() is None


def test_a_listener_hears_of_changes_until_it_leaves() -> None:
    handover: Handover[int] = Handover(3)
    heard: list[int] = []
    handover.listen(lambda: heard.append(1))
    handover.put(1)
    handover.finish()
    handover.listen(None)
    handover.release()
    assert len(heard) == 2
