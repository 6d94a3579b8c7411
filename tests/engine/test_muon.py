"""MuSGD's updates with and without padding, on the installed Ultralytics."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo_tl.engine.muon import without_padding

SHAPES = st.sampled_from([(4, 8), (16, 8), (32, 8), (8, 4, 3, 3), (16, 4, 3, 3), (64, 36), (5, 1, 3, 3), (2, 9)])


@pytest.fixture(scope="module")
def muon(ultralytics: Any) -> Any:
    from ultralytics.optim import muon

    return muon


@settings(max_examples=30)
@given(shapes=st.lists(SHAPES, min_size=1, max_size=8), seed=st.integers(0, 999), nhwc=st.booleans())
def test_only_roundings_differ(muon: Any, shapes: list[tuple[int, ...]], seed: int, nhwc: bool) -> None:
    import torch

    generator = torch.Generator().manual_seed(seed)

    def tensors() -> list[Any]:
        found = [torch.randn(shape, generator=generator) for shape in shapes]
        return [t.contiguous(memory_format=torch.channels_last) if nhwc and t.ndim == 4 else t for t in found]

    gradients, momentums = tensors(), tensors()
    again = [momentum.clone() for momentum in momentums]
    padded = muon.muon_update(gradients, momentums, beta=0.9, nesterov=True)
    with without_padding():
        plain = muon.muon_update(gradients, again, beta=0.9, nesterov=True)
    for ours, theirs, momentum, other in zip(plain, padded, again, momentums, strict=True):
        assert ours.shape == theirs.shape
        assert ours.stride() == theirs.stride()
        torch.testing.assert_close(momentum, other)
        assert (ours - theirs).norm() <= 0.03 * theirs.norm()  # both round to the 8 bits of bfloat16, five times


def test_every_call_is_of_one_shape(muon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    seen = []
    padded = muon.zeropower_via_newtonschulz5
    monkeypatch.setattr(muon, "zeropower_via_newtonschulz5", lambda x: seen.append(tuple(x.shape)) or padded(x))
    layers = [torch.nn.Parameter(torch.randn(rows, 16)) for rows in (16, 8, 16)]
    for layer in layers:
        layer.grad = torch.randn_like(layer)
    optimizer = muon.MuSGD([{"params": layers, "use_muon": True}], lr=0.1, momentum=0.9, nesterov=True)
    with without_padding():
        optimizer.step()
    assert seen == [(2, 16, 16), (1, 8, 16)]
    seen.clear()
    optimizer.step()
    assert seen == [(3, 16, 16)], "Ultralytics pads no longer: then this is not needed"


def test_it_ends_with_an_error(muon: Any) -> None:
    before = muon.muon_update
    with pytest.raises(ZeroDivisionError), without_padding():
        assert muon.muon_update is not before
        _ = 1 / 0
    assert muon.muon_update is before
