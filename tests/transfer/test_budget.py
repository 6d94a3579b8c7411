from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.transfer.budget import budget

sizes = st.integers(1, 500)


@pytest.mark.parametrize(
    "images, batch, nbs, epochs, steps",
    [
        (205, 16, 64, 20, 74),
        (205, 16, 64, 100, 334),
        (50, 16, 64, 20, 22),
        (50, 16, 64, 100, 102),
        (205, 16, 16, 20, 260),
    ],
)
def test_measured_step_counts(images, batch, nbs, epochs, steps):
    """Counts seen in real runs of ``yolo train`` with three warm-up epochs."""
    assert budget(images=images, batch=batch, nbs=nbs, epochs=epochs, warmup_epochs=3).steps == steps


@given(sizes, st.integers(1, 64), st.integers(1, 30), st.floats(0, 5))
def test_one_step_a_batch_when_nbs_is_the_batch(images, batch, epochs, warmup):
    found = budget(images=images, batch=batch, nbs=batch, epochs=epochs, warmup_epochs=warmup)
    assert found.steps == found.batches * epochs == math.ceil(images / batch) * epochs


@given(sizes, st.integers(1, 64), st.integers(1, 256), st.integers(1, 30))
def test_more_accumulation_never_means_more_steps(images, batch, nbs, epochs):
    few = budget(images=images, batch=batch, nbs=2 * nbs, epochs=epochs, warmup_epochs=0)
    many = budget(images=images, batch=batch, nbs=nbs, epochs=epochs, warmup_epochs=0)
    assert 1 <= few.steps <= many.steps <= many.batches * epochs
