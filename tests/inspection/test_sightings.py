"""Objects that are reported once, against every completion of the frames that were not looked at."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.inspection.sightings import Sightings

OBJECTS = (1, 2)
sizes = st.integers(1, 4).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n)))
frames = st.lists(st.tuples(st.frozensets(st.sampled_from(OBJECTS)), st.sampled_from(["whole", "poor", -1, -2, -9])))
"""What a frame shows and how it was looked at; a number below 0 is so many frames that were not."""


def most_seen(history: list[tuple[frozenset[int], str]], number: int, n: int) -> tuple[int, int]:
    """Fewest and most of the last `n` frames that can have shown an object, over all completions."""
    last = ([(frozenset(), "unseen")] * n + history)[-n:]
    choices = [(True,) if number in shown else (False,) if kind == "whole" else (True, False) for shown, kind in last]
    totals = [sum(completion) for completion in product(*choices)]
    return min(totals), max(totals)


@given(sizes, frames)
@settings(max_examples=300, deadline=None)
def test_an_object_is_reported_when_it_is_sure_and_settled_is_said_when_no_other_can_be_due(size, shown):
    (k, n), sightings = size, Sightings(*size)
    history, before = [], set()
    for objects, kind in shown:
        if isinstance(kind, int):
            sightings.skip(-kind)
            history += [(frozenset(), "unseen")] * -kind
            continue
        history.append((objects, kind))
        reported = sightings.see(sorted(objects), alive=OBJECTS, whole=kind == "whole")
        due = [i for i in OBJECTS if i not in before and most_seen(history, i, n)[0] >= k]
        assert sorted(reported) == due
        before |= set(due)
        # 0 stands for an object that was never seen.
        possible = [i for i in (0, *OBJECTS) if i not in before and most_seen(history, i, n)[1] >= k]
        assert sightings.settled == (not possible)


def test_what_is_known_of_objects_that_are_gone_is_forgotten():
    sightings = Sightings(1, 2)
    assert sightings.see([7], alive={7}, whole=True) == [7]
    assert sightings.see([7], alive={7}, whole=True) == []
    sightings.see([], alive=set(), whole=True)
    assert sightings.see([7], alive={7}, whole=True) == [7]
