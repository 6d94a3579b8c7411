"""Wilson's interval, held to SciPy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.errors import UsageError
from yolo_tl.evaluation.wilson import wilson

binomtest = pytest.importorskip("scipy.stats").binomtest


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_it_equals_scipys(counts, level):
    count, units = counts
    theirs = binomtest(count, units).proportion_ci(level, method="wilson")
    low, high = wilson(count, units, level=level)
    assert low == pytest.approx(theirs.low, abs=1e-12)
    assert high == pytest.approx(theirs.high, abs=1e-12)
    assert 0 <= low <= count / units <= high <= 1


def test_none_and_all_are_not_certain():
    assert wilson(0, 72)[0] == 0.0
    assert wilson(72, 72)[1] == 1.0
    assert wilson(0, 72)[1] == pytest.approx(1 - wilson(72, 72)[0])


@pytest.mark.parametrize(("count", "units", "level"), [(0, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_what_is_no_share_is_refused(count, units, level):
    with pytest.raises(UsageError):
        wilson(count, units, level=level)
