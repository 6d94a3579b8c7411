"""The orthogonalisation of MuSGD, one batched call for each shape.

Ultralytics pads matrices of one width with rows of zeros, up to 16 times their own, so that they share a call. On a
GPU that saves launches; a CPU multiplies the zeros. The padding changes nothing but the order of roundings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_padding() -> Iterator[None]:
    """As long as it lasts, optimizers orthogonalise matrices of one shape together, and no others."""
    from ultralytics.optim import muon

    padded = muon.muon_update

    def by_shape(gradients: Sequence[Any], momentums: Sequence[Any], **options: Any) -> list[Any]:
        positions: dict[tuple[int, ...], list[int]] = {}
        for position, gradient in enumerate(gradients):
            positions.setdefault(tuple(gradient.shape), []).append(position)
        updates: list[Any] = [None] * len(gradients)
        for chosen in positions.values():
            found = padded([gradients[i] for i in chosen], [momentums[i] for i in chosen], **options)
            for position, update in zip(chosen, found, strict=True):
                updates[position] = update
        return updates

    muon.muon_update = by_shape
    try:
        yield
    finally:
        muon.muon_update = padded
