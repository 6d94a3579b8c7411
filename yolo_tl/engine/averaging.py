"""One network from several of the same architecture, by averaging their weights; it costs no more to run than one.

- The last epochs of a run: stochastic weight averaging, Izmailov et al. 2018, arXiv 1803.05407.
- The results of several runs from the same start: a uniform model soup, Wortsman et al. 2022, arXiv 2203.05482.
- The start and the end of a run: WiSE-FT, Wortsman et al. 2021, arXiv 2109.01903. Less is forgotten.

BatchNorm statistics of an average are to be measured anew: `yolo_tl.engine.batchnorm`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.errors import ConfigError, ModelError


def average(modules: Sequence[Any]) -> Any:
    """A network whose float tensors are the mean of those of `modules`, computed in float64.

    Everything else (counters, training arguments) is the last one's. The networks are not changed.

    Args:
        modules: one or more loaded networks.

    Raises:
        ModelError: architectures or classes differ; names the files and what differs.
    """
    for module in modules[1:]:
        _require_alike(modules[0], module)
    states = [module.state_dict() for module in modules]
    mean = {
        key: _mean([state[key] for state in states]) if last.is_floating_point() else last
        for key, last in states[-1].items()
    }
    return _with_state(modules[-1], mean)


def interpolate(start: Any, end: Any, share: float) -> Any:
    """The network (1 - `share`) · `start` + `share` · `end`, computed in float64.

    With share 0 every tensor is exactly that of `start`, with 1 that of `end`. Everything that is no float tensor is
    that of `end` for any other share; the training arguments always are. The networks are not changed.

    Args:
        start: the network a run started from.
        end: the network it ended with.
        share: weight of the end, 0 to 1.

    Raises:
        ConfigError: the share is out of range.
        ModelError: architectures or classes differ; names the files and what differs.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"share: expected a number from 0 to 1, found {share:g}")
    ultralytics()
    import torch

    _require_alike(start, end)
    first, last = start.state_dict(), end.state_dict()
    if share in (0, 1):
        return _with_state(end, last if share else first)
    mixed = {
        key: torch.lerp(first[key].double(), value.double(), share).to(value.dtype)
        if value.is_floating_point()
        else value
        for key, value in last.items()
    }
    return _with_state(end, mixed)


def _mean(tensors: Sequence[Any]) -> Any:
    total = tensors[0].double()
    for tensor in tensors[1:]:
        total = total + tensor
    return (total / len(tensors)).to(tensors[-1].dtype)


def _with_state(module: Any, state: Mapping[str, Any]) -> Any:
    result = deepcopy(module)
    result.load_state_dict(state)
    return result


def _require_alike(a: Any, b: Any) -> None:
    difference = _difference(a, b)
    if difference:
        first, second = (getattr(module, "pt_path", None) or "a network that was not saved" for module in (a, b))
        raise ModelError(
            f"expected networks of one architecture and the same classes; {first} and {second} differ: {difference}",
            hint="average results of runs that started from the same checkpoint, on the same classes",
        )


def _difference(a: Any, b: Any) -> str:
    """What keeps two networks from being averaged, in words; empty if nothing does."""
    names = [list(m.names.values() if isinstance(m.names, dict) else m.names) for m in (a, b)]
    if names[0] != names[1]:
        return f"classes {names[0]} and {names[1]}"
    first, second = ({key: tuple(value.shape) for key, value in m.state_dict().items()} for m in (a, b))
    if alone := first.keys() ^ second.keys():
        key = min(alone)
        return f"{len(alone)} tensors are in one only, such as {key} in the {'first' if key in first else 'second'}"
    for key, shape in first.items():
        if shape != second[key]:
            return f"{key} has the shape {shape} and {second[key]}"
    return ""
