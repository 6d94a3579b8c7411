from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from yolo_tl.exporting.quantisation.graph import session
from yolo_tl.exporting.quantisation.ranges import Histogram, Scale, best_scale, merged, silu

SIDES = st.floats(-100, 100).map(lambda x: round(x, 3))
KINDS = pytest.mark.parametrize(("signed", "symmetric"), [(False, False), (True, False), (True, True)])


def histogram(values: np.ndarray, bins: int = 2048) -> Histogram:
    low, high = float(values.min()), float(values.max())
    return Histogram(low, high, np.histogram(values, bins, (low, high))[0].astype(float))


@KINDS
@given(a=SIDES, b=SIDES)
def test_zero_is_a_level_and_the_range_is_covered(signed: bool, symmetric: bool, a: float, b: float) -> None:
    low, high = sorted((a, b))
    scale = Scale.of(low, high, signed=signed, symmetric=symmetric)
    assert scale.round(np.array([0.0])) == 0
    inside = np.linspace(low, high, 50)
    assert np.abs(scale.round(inside) - inside).max() <= scale.step * 1.01
    assert -128 * signed <= scale.zero <= 255 - 128 * signed
    assert not symmetric or scale.zero == 0


@KINDS
def test_numbers_are_rounded_as_onnx_runtime_does(signed: bool, symmetric: bool) -> None:
    scale = Scale.of(-0.37, 2.9, signed=signed, symmetric=symmetric)
    values = np.random.default_rng(0).uniform(-2, 5, 4000).astype(np.float32)
    constants = {
        "step": np.array(scale.step, np.float32),
        "zero": np.array(scale.zero, np.int8 if signed else np.uint8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["y"]),
    ]
    sides = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None]) for name in "xy"]
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "round", sides[:1], sides[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (expected,) = session(model).run(None, {"x": values})
    found = scale.round(values.astype(np.float64))
    assert (np.abs(found - expected) > 1e-5).mean() < 0.001  # halves, where float32 and float64 part


@KINDS
@given(seed=st.integers(0, 50))
def test_the_best_range_loses_no_more_than_the_whole(signed: bool, symmetric: bool, seed: int) -> None:
    values = np.random.default_rng(seed).standard_t(3, 5000)
    whole = Scale.of(values.min(), values.max(), signed=signed, symmetric=symmetric)
    best = best_scale(histogram(values), signed=signed, symmetric=symmetric)
    losses = [float(((scale.round(values) - values) ** 2).mean()) for scale in (best, whole)]
    assert losses[0] <= losses[1] * 1.01


def test_a_lone_large_value_is_cut_off() -> None:
    centres = Histogram(-8.0, 40.0, np.zeros(2048)).centres
    counts = np.round(1e6 * np.exp(-(centres**2)))
    counts[-1] = 1
    scale = best_scale(Histogram(-8.0, 40.0, counts), signed=False, symmetric=False)
    assert scale.round(np.array([40.0])) < 10
    whole = Scale.of(-8, 40, signed=False, symmetric=False)
    losses = [float(((one.round(centres) - centres) ** 2) @ counts) for one in (scale, whole)]
    assert losses[0] < losses[1] / 4


def test_before_silu_what_is_far_below_zero_needs_no_levels() -> None:
    values = np.random.default_rng(0).normal(-4, 6, 20_000)
    plain = best_scale(histogram(values), signed=False, symmetric=False)
    through = best_scale(histogram(values), signed=False, symmetric=False, through=silu)
    assert -plain.zero * plain.step < -15
    assert -8 < -through.zero * through.step < -2
    errors = [float(((silu(scale.round(values)) - silu(values)) ** 2).mean()) for scale in (plain, through)]
    assert errors[1] < errors[0] / 2


def test_merged_histograms_count_everything() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 3000), rng.normal(5, 2, 2000)
    both = merged([histogram(a), histogram(b)])
    assert both.counts.sum() == 5000
    assert (both.low, both.high) == (min(a.min(), b.min()), max(a.max(), b.max()))
    mean = float(both.centres @ both.counts / 5000)
    assert mean == pytest.approx(np.concatenate([a, b]).mean(), abs=0.01)
