"""Threads and their queue: what is accepted is done, in order, unless nobody waits for it any more."""

from __future__ import annotations

import threading
import time

import pytest

from yolo_tl.serving.workers import Closed, Expired, QueueFull, Workers

LATER = 1e12
PATIENCE = 30


class Blocked:
    """Workers of which one is held until it is released."""

    def __init__(self, waiting: int = 9) -> None:
        self.workers = Workers(1, waiting)
        self._release, begun = threading.Event(), threading.Event()

        def hold() -> bool:
            begun.set()
            return self._release.wait(PATIENCE)

        self.first = self.workers.submit(hold, deadline=LATER)
        assert begun.wait(PATIENCE)

    def release(self) -> None:
        self._release.set()
        self.workers.close()


def test_jobs_are_done_in_their_order_and_urgent_ones_first():
    blocked, done = Blocked(), []
    for name in "ab":
        blocked.workers.submit(lambda name=name: done.append(name), deadline=LATER)
    blocked.workers.submit(lambda: done.append("urgent"), deadline=LATER, urgent=True)
    assert blocked.workers.depth == 3
    blocked.release()
    assert done == ["urgent", "a", "b"]
    assert blocked.first.result() is True


def test_a_full_queue_refuses_all_but_what_is_urgent():
    blocked = Blocked(waiting=1)
    waits = blocked.workers.submit(lambda: 1, deadline=LATER)
    with pytest.raises(QueueFull):
        blocked.workers.submit(lambda: 2, deadline=LATER)
    urgent = blocked.workers.submit(lambda: 3, deadline=LATER, urgent=True)
    blocked.release()
    assert (waits.result(), urgent.result()) == (1, 3)


def test_without_a_queue_a_free_thread_still_takes_a_job():
    workers = Workers(1, 0)
    assert workers.submit(lambda: 1, deadline=LATER).result(PATIENCE) == 1
    blocked = Blocked(waiting=0)
    with pytest.raises(QueueFull):
        blocked.workers.submit(lambda: 2, deadline=LATER)
    blocked.release()
    workers.close()


def test_jobs_that_nobody_waits_for_take_no_place_and_are_not_done():
    blocked, done = Blocked(waiting=1), []
    left = blocked.workers.submit(lambda: done.append("left"), deadline=LATER)
    assert left.cancel()
    stays = blocked.workers.submit(lambda: done.append("stays"), deadline=LATER)
    assert not stays.cancelled()
    also = blocked.workers.submit
    with pytest.raises(QueueFull):
        also(lambda: None, deadline=LATER)
    blocked.release()
    assert done == ["stays"]


def test_what_has_waited_too_long_is_not_done():
    blocked, done = Blocked(), []
    late = blocked.workers.submit(lambda: done.append("late"), deadline=time.monotonic() - 1)
    blocked.release()
    with pytest.raises(Expired):
        late.result()
    assert done == []


def test_a_thread_survives_whatever_a_job_raises():
    workers = Workers(1, 9)

    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        workers.submit(leave, deadline=LATER).result(PATIENCE)
    assert workers.submit(lambda: 1, deadline=LATER).result(PATIENCE) == 1
    workers.close()


def test_closed_workers_finish_what_they_have_and_take_nothing_more():
    blocked = Blocked()
    waits = blocked.workers.submit(lambda: 1, deadline=LATER)
    closing = threading.Thread(target=blocked.workers.close)
    closing.start()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            blocked.workers.submit(lambda: 2, deadline=LATER)
        except Closed:
            break
    assert not waits.done()
    blocked.release()
    closing.join(PATIENCE)
    assert waits.result() == 1


def test_as_many_jobs_run_at_once_as_there_are_threads():
    workers, meeting = Workers(3, 0), threading.Barrier(3)
    jobs = [workers.submit(lambda: meeting.wait(PATIENCE), deadline=LATER) for _ in range(3)]
    assert sorted(job.result(PATIENCE) for job in jobs) == [0, 1, 2]
    workers.close()


def test_closing_does_not_wait_for_ever():
    blocked = Blocked()
    blocked.workers.close(patience=0.01)
    assert not blocked.first.done()
    blocked.release()
