from __future__ import annotations

from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.scenes import save, scene
from torch.optim.swa_utils import update_bn

from yolo_tl.edge.letterbox import letterbox
from yolo_tl.engine.batchnorm import batchnorms, differing, image_batches, reestimate
from yolo_tl.engine.checkpoint import new_network
from yolo_tl.errors import DataError, ImageError


def network(seed: int = 0) -> torch.nn.Module:
    """One convolution; what follows its BatchNorm would show a wrong mode."""
    torch.manual_seed(seed)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4, momentum=0.03), torch.nn.Dropout(0.5), torch.nn.BatchNorm2d(4)
    )
    for norm in (module[1], module[3]):
        norm.running_mean.normal_()
        norm.running_var.uniform_(1, 2)
        norm.num_batches_tracked.fill_(7)
    return module


def images(seed: int, *sizes: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(size, 3, 8, 8, generator=generator) for size in sizes]


@given(st.integers(0, 99), st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_statistics_are_those_of_the_activations(seed, sizes):
    module, batches = network(seed), images(seed, *sizes)
    assert reestimate(module, iter(batches)) == 2
    with torch.no_grad():
        activations = [module[0](batch) for batch in batches]
    mean = torch.stack([a.mean((0, 2, 3)) for a in activations]).mean(0)
    var = torch.stack([a.var((0, 2, 3)) for a in activations]).mean(0)
    torch.testing.assert_close(module[1].running_mean, mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(module[1].running_var, var, rtol=1e-4, atol=1e-6)
    # The second sees what the first normalised, with no dropout between: mean 0, variance n / (n - 1).
    torch.testing.assert_close(module[3].running_mean, torch.zeros(4), rtol=0, atol=1e-5)
    assert bool(((module[3].running_var > 0.9) & (module[3].running_var < 1.1)).all())


@pytest.mark.parametrize("training", [True, False])
def test_all_else_stays(training):
    module = network().train(training)
    module[2].eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    reestimate(module, images(0, 2, 2))
    changed = {key for key, value in module.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"1.running_mean", "1.running_var", "3.running_mean", "3.running_var"}
    assert [part.training for part in module.modules()] == modes
    assert (module[1].momentum, module[3].momentum) == (0.03, 0.1)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in module.parameters())


def test_only_the_layers_asked_for_are_measured():
    module, other = network(), network()
    assert reestimate(module, images(0, 4), layers={"3"}) == 1
    assert torch.equal(module[1].running_mean, other[1].running_mean)
    other.eval()
    with torch.no_grad():  # the first normalises by the statistics that it keeps
        activations = other[1](other[0](images(0, 4)[0]))
    torch.testing.assert_close(module[3].running_mean, activations.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_not_reached_keeps_its_statistics():
    module = network()
    module[1].unused = torch.nn.BatchNorm2d(4)
    module[1].unused.running_mean.fill_(5)
    reestimate(module, images(0, 4))
    assert module[1].unused.running_mean.tolist() == [5] * 4
    assert module[1].running_mean.abs().max() < 5


def test_no_images_are_an_error_and_no_layers_are_none():
    module = network()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(DataError, match="at least one image"):
        reestimate(module, [])
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert reestimate(torch.nn.Conv2d(3, 4, 3), images(0, 2)) == 0


def test_a_failure_leaves_modes_and_momenta():
    module = network()

    def failing():
        yield images(0, 2)[0]
        raise ImageError("gone")

    with pytest.raises(ImageError):
        reestimate(module, failing())
    assert module[2].training
    assert (module[1].momentum, int(module[1].num_batches_tracked)) == (0.03, 7)


@pytest.mark.parametrize("architecture", ["yolo26n.yaml", "yolov8n.yaml"])
def test_networks_get_what_torch_gives_them(architecture):
    """Both heads of YOLO26 are measured, in eval mode as in train mode."""
    torch.manual_seed(0)
    ours, batches = new_network(architecture).eval(), [torch.rand(2, 3, 64, 64) for _ in range(2)]
    theirs = new_network(architecture)
    theirs.load_state_dict(ours.state_dict())
    assert reestimate(ours, batches) == len(batchnorms(ours)) > 50
    with torch.no_grad():
        update_bn(batches, theirs)
    expected = theirs.state_dict()
    for key, value in ours.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(value, expected[key], rtol=1e-4, atol=1e-5, msg=key)
    assert not ours.training


def test_layers_differ_where_more_than_rounding_does():
    first, second = network(), network()
    assert differing([first, network().half().float()]) == set()
    second[3].running_var[0] *= 1.01
    assert differing([first, first, second]) == {"3"}
    second[1].running_mean[0] += 0.01
    assert differing([first, second]) == {"1", "3"}


@given(st.integers(1, 7), st.integers(1, 9))
def test_batches_are_even_and_hold_each_image_once(batch, count):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("yolo_tl.engine.batchnorm.read_pixels", lambda value: np.full((32, 32, 3), value, np.uint8))
        sizes, values = [], []
        for tensor in image_batches(range(count), imgsz=32, batch=batch):
            sizes.append(len(tensor))
            values.append((tensor[:, 0, 0, 0] * 255).round().int().tolist())
    assert sorted(chain.from_iterable(values)) == list(range(count))
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == -(-count // batch)
    assert all(b - a == len(sizes) for row in values for a, b in pairwise(row))


def test_batches_are_letterboxed_rgb(tmp_path):
    """As the deployed runtime does it, which is another implementation."""
    picture = scene(0, 40, 72)
    save(tmp_path / "a.png", picture)
    (tensor,) = image_batches([tmp_path / "a.png"], imgsz=64, batch=4)
    expected = letterbox(picture, (64, 64))
    assert tensor.dtype == torch.float32
    assert tensor.shape == (1, 3, 64, 64)
    np.testing.assert_array_equal(
        (tensor[0] * 255).round().numpy().astype(np.uint8), expected[..., ::-1].transpose(2, 0, 1)
    )
    with pytest.raises(ImageError):
        next(image_batches([tmp_path / "none.png"], imgsz=64, batch=4))
