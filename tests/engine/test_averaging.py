from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.engine.averaging import average, interpolate
from yolo_tl.engine.checkpoint import new_network
from yolo_tl.errors import ConfigError, ModelError

seeds = st.integers(0, 2**31 - 1)


def network(seed: int, width: int = 4, names: tuple[str, ...] = ("a", "b")) -> torch.nn.Module:
    """A small network with every kind of tensor: values over many magnitudes, negative zero, a counter."""
    generator = torch.Generator().manual_seed(seed)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, width, 3), torch.nn.BatchNorm2d(width), torch.nn.SiLU())
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 10.0 ** (seed % 9 - 4))
    module[0].bias.data[0] = -0.0
    module[1].num_batches_tracked.fill_(seed)
    module.names, module.pt_path, module.args = dict(enumerate(names)), f"net{seed}.pt", {"imgsz": seed}
    return module


def bits(module: torch.nn.Module) -> dict[str, bytes]:
    return {key: value.numpy().tobytes() for key, value in module.state_dict().items()}


def floats(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([v.double().flatten() for v in module.state_dict().values() if v.is_floating_point()])


@given(seeds, st.integers(1, 7))
def test_the_average_of_the_same_is_the_same_to_the_bit(seed, count):
    module = network(seed)
    made = average([module] * count)
    assert bits(made) == bits(module)
    assert made is not module
    assert made[0].weight is not module[0].weight


@given(st.lists(seeds, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_averaged_networks_does_not_matter(numbers, random):
    modules = [network(seed) for seed in numbers]
    shuffled = random.sample(modules, len(modules))
    torch.testing.assert_close(floats(average(modules)), floats(average(shuffled)), rtol=1e-6, atol=1e-12)


@given(st.lists(seeds, min_size=2, max_size=5))
def test_the_average_is_the_mean_and_counters_are_the_last_ones(numbers):
    modules = [network(seed) for seed in numbers]
    before = [bits(module) for module in modules]
    made = average(modules)
    mean = torch.stack([floats(module) for module in modules]).mean(0)
    torch.testing.assert_close(floats(made), mean, rtol=1e-6, atol=1e-12)
    assert made[1].num_batches_tracked == numbers[-1]
    assert made.args == {"imgsz": numbers[-1]}
    assert {v.dtype for v in made.state_dict().values()} == {torch.float32, torch.int64}
    assert [bits(module) for module in modules] == before


@given(seeds, seeds)
def test_interpolation_ends_exactly_where_it_should(a, b):
    start, end = network(a), network(b)
    assert bits(interpolate(start, end, 0)) == bits(start)
    assert bits(interpolate(start, end, 1)) == bits(end)
    assert interpolate(start, end, 0).args == end.args


@given(seeds, seeds, st.floats(0, 1))
def test_interpolation_is_linear_and_stays_between(a, b, share):
    start, end = network(a), network(b)
    made, first, last = floats(interpolate(start, end, share)), floats(start), floats(end)
    torch.testing.assert_close(
        made, (1 - share) * first + share * last, rtol=1e-6, atol=1e-6 * float(first.abs().max())
    )
    assert bool((made >= torch.minimum(first, last)).all())
    assert bool((made <= torch.maximum(first, last)).all())
    back = floats(interpolate(end, start, 1 - share))
    scale = float(torch.maximum(first.abs(), last.abs()).max())
    torch.testing.assert_close(made, back, rtol=1e-6, atol=1e-6 * scale)


@given(seeds, seeds)
def test_halfway_is_the_average(a, b):
    start, end = network(a), network(b)
    assert bits(interpolate(start, end, 0.5)) == bits(average([start, end]))


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_beyond_the_ends_is_refused(share):
    with pytest.raises(ConfigError, match="from 0 to 1"):
        interpolate(network(0), network(1), share)


def renamed() -> torch.nn.Module:
    return network(1, names=("a", "c"))


def fewer_tensors() -> torch.nn.Module:
    other = network(1)
    other[1] = torch.nn.Identity()
    return other


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (renamed(), r"classes \['a', 'b'\] and \['a', 'c'\]"),
        (network(1, width=8), r"0.weight has the shape \(4, 3, 3, 3\) and \(8, 3, 3, 3\)"),
        (fewer_tensors(), r"5 tensors are in one only, such as 1.bias in the first"),
    ],
)
def test_networks_that_differ_are_refused_by_name(other, what):
    for make in (lambda: average([network(0), network(0), other]), lambda: interpolate(network(0), other, 0.5)):
        with pytest.raises(ModelError, match=rf"net0.pt and net1.pt differ: {what}") as caught:
            make()
        assert caught.value.hint


def test_architectures_of_ultralytics_average_and_differ():
    small, other = new_network("yolo26n.yaml"), new_network("yolov8n.yaml")
    with pytest.raises(ModelError, match="tensors are in one only"):
        average([small, other])
    shifted = deepcopy(small)
    with torch.no_grad():
        for parameter in shifted.parameters():
            parameter.add_(1)
    made = average([small, shifted])
    assert type(made) is type(small)
    for (name, value), first in zip(made.named_parameters(), small.parameters(), strict=True):
        torch.testing.assert_close(value, first + 0.5, msg=name)
