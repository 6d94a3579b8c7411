"""k of n, against every completion of what is not known."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.inspection.window import Window

sizes = st.integers(1, 6).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n)))
outcomes = st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(1, 9)), max_size=12)


def completions(history: list[bool | None], n: int) -> list[tuple[bool, ...]]:
    """All that the last `n` frames can have been; those before the first are open."""
    last = ([None] * n + history)[-n:]
    return list(product(*[(True, False) if outcome is None else (outcome,) for outcome in last]))


@given(sizes, outcomes)
@settings(max_examples=400, deadline=None)
def test_it_says_what_every_completion_says_and_nothing_where_they_differ(size, pushed):
    (k, n), window, history = size, Window(*size), []
    for outcome, count in [(None, 0), *pushed]:
        if count:
            window.push(outcome, count)
            history += [outcome] * count
        verdicts = {sum(completion) >= k for completion in completions(history, n)}
        assert window.verdict == (verdicts.pop() if len(verdicts) == 1 else None)
        assert window.seen == min(len(history), n)


def test_a_long_gap_costs_no_more_than_the_window():
    window = Window(1, 3)
    window.push(False, 10**12)
    assert window.verdict is False
    window.push(None, 10**12)
    assert window.verdict is None
    assert window.open == 3
