from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.networks import images

from yolo_tl.exporting.quantisation.calibration import Calibration
from yolo_tl.exporting.quantisation.graph import Conv, FloatGraph, session
from yolo_tl.exporting.quantisation.insertion import Weights
from yolo_tl.exporting.quantisation.least_squares import better, passed_on, patches, residual, rounded
from yolo_tl.exporting.quantisation.quantiser import Quantiser
from yolo_tl.exporting.quantisation.recipes import RECIPES


def conv(weight: np.ndarray, *, groups: int = 1, stride: int = 1, pad: int = 0) -> Conv:
    bias = np.linspace(-1, 1, len(weight))
    return Conv("c", "x", "y", weight, bias, (stride, stride), (pad, pad, pad, pad), (1, 1), groups)


def written(layer: Conv, inputs: np.ndarray) -> np.ndarray:
    """(P, O) what a convolution writes in float."""
    exact = Weights(layer.weight, np.ones(len(layer.weight)), layer.bias)
    return residual(layer, exact, inputs, np.zeros((len(inputs), len(layer.weight)), np.float32))


@given(seed=st.integers(0, 1000), groups=st.sampled_from([1, 4]))
def test_outputs_are_closer_than_with_each_weight_at_its_nearest_level(seed: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    layer = conv(rng.standard_normal((8, 24 // groups, 1, 1)), groups=groups)
    # Inputs that hang together, as neighbouring pixels do: then one weight can make up for another.
    inputs = (rng.standard_normal((400, 24)) @ rng.standard_normal((24, 24)) + 2).astype(np.float32)
    targets = written(layer, inputs)
    found = residual(layer, rounded(layer, inputs, targets), inputs, targets)
    nearest = residual(layer, Weights.nearest(layer), inputs, targets)
    assert (found**2).mean() < (0.7 if groups == 1 else 0.98) * (nearest**2).mean()


def test_the_mean_error_goes() -> None:
    """Inputs that were cut off before: every output is too small, until the bias makes up for it."""
    rng = np.random.default_rng(0)
    layer = conv(np.abs(rng.standard_normal((8, 24, 1, 1))))
    exact = rng.standard_normal((400, 24)).astype(np.float32) * 3
    targets = written(layer, exact)
    cut = np.minimum(exact, 2)
    before = residual(layer, Weights.nearest(layer), cut, targets).mean(axis=0)
    after = residual(layer, rounded(layer, cut, targets), cut, targets).mean(axis=0)
    assert np.abs(before).min() > 1
    assert np.abs(after).max() < 1e-4


def test_few_positions_leave_the_nearest_level() -> None:
    rng = np.random.default_rng(0)
    layer = conv(rng.standard_normal((8, 300, 1, 1)))
    for positions, fits in ((16, False), (3000, True)):
        exact = (rng.standard_normal((positions, 30)) @ rng.standard_normal((30, 300))).astype(np.float32)
        read = exact + rng.standard_normal(exact.shape).astype(np.float32)
        found = better(layer, read, written(layer, exact))
        assert np.array_equal(found.bias, layer.bias) != fits


@given(seed=st.integers(0, 100))
def test_inputs_that_have_nothing_to_do_with_each_other_leave_the_nearest_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight, steps = rng.standard_normal((5, 150)), np.full(5, 0.03)
    expected = np.clip(np.round(weight / steps[:, None]), -127, 127)
    np.testing.assert_array_equal(passed_on(weight, steps, np.diag(rng.uniform(1, 2, 150))), expected)


def test_blocks_pass_on_what_single_columns_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((800, 60)) @ rng.standard_normal((60, 60))
    arguments = rng.standard_normal((7, 60)), np.full(7, 0.05), inputs.T @ inputs / 800
    whole = passed_on(*arguments)
    monkeypatch.setattr("yolo_tl.exporting.quantisation.least_squares._BLOCK", 7)
    np.testing.assert_array_equal(passed_on(*arguments), whole)


def test_patches_are_what_a_convolution_reads(float_file: Path) -> None:
    graph = FloatGraph.read(float_file, fused_silu=True)
    for name in [*graph.first, *list(graph.convs)[3:6]]:
        layer = graph.convs[name]
        names = [layer.output] if layer.input in graph.images else [layer.output, layer.input]
        feed = graph.feed(images()[0])
        found = dict(zip(names, session(graph.model, names).run(names, feed), strict=True)) | feed
        written = found[layer.output][0]
        at = np.nonzero(np.ones(written.shape[1:]))
        rows = patches(found[layer.input][0], layer, at).astype(np.float64)
        np.testing.assert_allclose(
            rows @ layer.weight.reshape(len(layer.weight), -1).T + layer.bias, written[:, at[0], at[1]].T, atol=1e-4
        )


def test_a_network_comes_closer_to_float(float_file: Path, calibration: Calibration) -> None:
    errors = []
    for exact in (False, True):
        quantiser = Quantiser(float_file, calibration, RECIPES["x86"], exact=exact)
        quantiser.images = images(24, seed=4)
        graph = quantiser.graph
        outputs = [graph.convs[name].output for name in sorted(graph.last)]
        networks = [session(model, outputs) for model in (graph.model, quantiser.quantise().model)]
        found = [[network.run(None, graph.feed(image)) for image in quantiser.images] for network in networks]
        errors.append([np.mean([(a[i] - b[i]) ** 2 for a, b in zip(*found, strict=True)]) for i in range(len(outputs))])
    # Most of the error is that of activations, which no weight makes up for.
    assert np.mean(np.divide(errors[1], errors[0])) < 0.98
