"""Weights rounded so that the output of a convolution changes least, not each weight.

Convolutions are rounded one after the other, on what they read in the quantised network, towards what they write in the
float one. So each makes up, as far as it can, for what was lost before it. Columns are rounded one by one, and what a
column loses is passed on to those that are still to come (GPTQ, Frantar et al. 2022, arXiv:2210.17323; with the inputs
of the quantised network and targets of the float one as in Qronos, Zhang et al. 2025, arXiv:2505.11695).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.exporting.quantisation.graph import Conv, FloatGraph, session
from yolo_tl.exporting.quantisation.insertion import Weights, insert, steps_of
from yolo_tl.exporting.quantisation.placement import Placement, Ranges

POSITIONS = 128  # of an image, at which the output of a convolution is looked at
_PULL = 0.1  # towards the float weights, as a share of the mean square of an input
_DAMPING = 0.01  # of the same, when what is lost is passed on
_HELD_OUT = 4  # one position of so many is not fitted, but judges
_BLOCK = 128  # columns whose losses are passed on together

Positions = tuple[NDArray[np.intp], NDArray[np.intp]]
Rows = NDArray[np.float32]


class LeastSquares:
    """Rounds the weights of one network, for any placement.

    Args:
        graph: the float network.
        images: calibration images (N, 3, H, W).
        seed: of the positions that are looked at.
    """

    def __init__(self, graph: FloatGraph, images: NDArray[np.float32], *, seed: int = 0) -> None:
        self._graph, self._images = graph, images
        rng = np.random.default_rng(seed)
        names = list(graph.convs)
        outputs = [graph.convs[name].output for name in names]
        network = session(graph.model, outputs)
        self._positions: dict[str, list[Positions]] = {name: [] for name in names}
        targets: dict[str, list[Rows]] = {name: [] for name in names}
        for image in images:
            found = dict(zip(outputs, network.run(outputs, graph.feed(image)), strict=True))
            for name in names:
                value = found[graph.convs[name].output][0]
                places = value.shape[1] * value.shape[2]
                chosen = rng.choice(places, min(POSITIONS, places), replace=False)
                at = np.unravel_index(chosen, value.shape[1:])
                self._positions[name].append((at[0], at[1]))
                targets[name].append(value[:, at[0], at[1]].T)
        self._targets = {name: np.concatenate(rows) for name, rows in targets.items()}

    def __call__(self, placement: Placement, ranges: Ranges) -> dict[str, Weights]:
        """The weights of every convolution in 8 bits."""
        weights: dict[str, Weights] = {}
        for names in levels_of(placement):
            rows = self._inputs(insert(placement, ranges, weights), names)
            for name in names:
                weights[name] = better(self._graph.convs[name], rows.pop(name), self._targets[name])
        return weights

    def _inputs(self, model: Any, names: Sequence[str]) -> dict[str, Rows]:
        """What convolutions read at their positions in a quantised network."""
        reads = {node.name: node.input[0] for node in model.graph.node if node.name in names}
        outputs = list(dict.fromkeys(reads.values()))
        network = session(model, outputs)
        rows: dict[str, list[Rows]] = {name: [] for name in names}
        for i, image in enumerate(self._images):
            found = dict(zip(outputs, network.run(outputs, self._graph.feed(image)), strict=True))
            for name in names:
                rows[name].append(patches(found[reads[name]][0], self._graph.convs[name], self._positions[name][i]))
        return {name: np.concatenate(parts) for name, parts in rows.items()}


def levels_of(placement: Placement) -> list[list[str]]:
    """The convolutions in 8 bits in the order they run; those that do not read each other together.

    What lies before a convolution must have its final weights: both would make up for the same loss.
    """
    depths = placement.graph.depths
    found = [name for name in placement.graph.convs if name in placement.quantised]
    return [[name for name in found if depths[name] == depth] for depth in sorted({depths[name] for name in found})]


def patches(tensor: NDArray[np.float32], conv: Conv, positions: Positions) -> Rows:
    """What a convolution reads for each of P outputs.

    Args:
        tensor: its input (C, H, W).
        conv: its kernel.
        positions: rows and columns of the outputs.

    Returns:
        (P, C * height * width), in the order of the weights.
    """
    top, left, bottom, right = conv.pads
    padded = np.pad(tensor, ((0, 0), (top, bottom), (left, right)))
    height, width = conv.weight.shape[2:]
    rows = positions[0][:, None] * conv.strides[0] + np.arange(height) * conv.dilations[0]
    columns = positions[1][:, None] * conv.strides[1] + np.arange(width) * conv.dilations[1]
    found = padded[:, rows[:, :, None], columns[:, None, :]]  # (C, P, height, width)
    return found.transpose(1, 0, 2, 3).reshape(len(rows), -1)


def better(conv: Conv, inputs: Rows, targets: Rows) -> Weights:
    """Weights by `rounded`, or each at its nearest level where that is closer on positions that were not fitted.

    Few images say too little of a convolution with many inputs and small outputs.
    """
    fitted = len(inputs) - len(inputs) // _HELD_OUT  # the last images: positions of one image are alike
    candidates = rounded(conv, inputs[:fitted], targets[:fitted]), Weights.nearest(conv)
    losses = [float((residual(conv, one, inputs[fitted:], targets[fitted:]) ** 2).mean()) for one in candidates]
    return candidates[int(np.argmin(losses))]


def residual(conv: Conv, weights: Weights, inputs: Rows, targets: Rows) -> Rows:
    """(P, O) what a convolution writes with other weights, minus what it is to write."""
    flat = weights.values.reshape(len(conv.weight), -1).astype(np.float32)
    parts = zip(np.split(inputs, conv.groups, axis=1), np.split(flat, conv.groups), strict=True)
    written = np.concatenate([x @ w.T for x, w in parts], axis=1)
    left: Rows = written + weights.bias.astype(np.float32) - targets
    return left


def rounded(conv: Conv, inputs: Rows, targets: Rows) -> Weights:
    """The weights and biases with which a convolution comes closest to what it is to write.

    Args:
        conv: its float weights.
        inputs: (P, I * height * width) what it reads.
        targets: (P, O) what it is to write.
    """
    outputs, size = len(conv.weight), conv.weight[0].size
    flat = conv.weight.reshape(outputs, size)
    steps, levels = np.empty(outputs), np.empty_like(flat)
    x_mean, y_mean = inputs.mean(axis=0, dtype=np.float64), targets.mean(axis=0, dtype=np.float64)
    x = inputs - x_mean.astype(np.float32)
    y = targets - y_mean.astype(np.float32)
    bias = y_mean.copy()
    for group in range(conv.groups):
        mine = slice(group * outputs // conv.groups, (group + 1) * outputs // conv.groups)
        read = slice(group * size, (group + 1) * size)
        square = (x[:, read].T @ x[:, read]).astype(np.float64) / len(x)
        product = (y[:, mine].T @ x[:, read]).astype(np.float64) / len(x)
        mean = max(float(np.diag(square).mean()), 1e-12)
        pull = _PULL * mean
        best = np.linalg.solve(square + pull * np.eye(size), (product + pull * flat[mine]).T).T
        steps[mine] = steps_of(best)
        levels[mine] = passed_on(best, steps[mine], square + _DAMPING * mean * np.eye(size))
        bias[mine] -= (levels[mine] * steps[mine][:, None]) @ x_mean[read]
    return Weights(levels.reshape(conv.weight.shape), steps, bias)


def passed_on(
    weight: NDArray[np.float64], steps: NDArray[np.float64], square: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Round weights (O, D) to whole multiples of `steps` (O,), one column after the other.

    Args:
        weight: them.
        steps: one for each row.
        square: (D, D) mean products of the inputs; positive definite.

    Returns:
        Levels from -127 to 127.
    """
    size = len(square)
    order = np.argsort(-np.diag(square), kind="stable")  # what matters most while all others can still make up for it
    left = weight[:, order]
    upper = np.linalg.cholesky(np.linalg.inv(square[np.ix_(order, order)])).T
    levels = np.empty_like(left)
    for start in range(0, size, _BLOCK):
        end = min(start + _BLOCK, size)
        lost = np.empty((len(left), end - start))
        for i in range(start, end):
            levels[:, i] = np.clip(np.round(left[:, i] / steps), -127, 127)
            lost[:, i - start] = (left[:, i] - levels[:, i] * steps) / upper[i, i]
            left[:, i + 1 : end] -= lost[:, i - start, None] * upper[i, i + 1 : end]
        left[:, end:] -= lost @ upper[start:end, end:]
    result = np.empty_like(levels)
    result[:, order] = levels
    return result
