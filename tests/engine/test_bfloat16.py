"""bfloat16 on the CPU."""

from __future__ import annotations

from copy import deepcopy

import pytest


@pytest.fixture
def network(ultralytics):
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    network = DetectionModel("yolo11n.yaml", nc=3, verbose=False).train()
    network.args = get_cfg()
    return network


def batch():
    import torch

    torch.manual_seed(0)
    return {
        "img": torch.rand(2, 3, 64, 64),
        "cls": torch.tensor([[0.0], [2.0], [1.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.3], [0.3, 0.4, 0.2, 0.2], [0.6, 0.5, 0.5, 0.5]]),
        "batch_idx": torch.tensor([0.0, 0.0, 1.0]),
    }


def layers_and_outputs(network):
    """The types that the layers compute in, and the loss gets."""
    import torch

    seen: dict[str, set[torch.dtype]] = {"layers": set(), "loss": set()}
    hook = network.model[0].register_forward_hook(lambda _m, _i, output: seen["layers"].add(output.dtype))
    inner = network.init_criterion()

    def criterion(outputs, labels):
        seen["loss"] |= {outputs["boxes"].dtype, outputs["scores"].dtype, *(level.dtype for level in outputs["feats"])}
        assert not torch.is_autocast_enabled("cpu")
        return inner(outputs, labels)

    network.criterion = criterion
    loss, _ = network(batch())
    hook.remove()
    network.criterion = None
    return loss.sum(), seen


def test_layers_are_computed_in_bfloat16_and_the_loss_in_float32(network) -> None:
    import torch

    from yolo_tl.engine.bfloat16 import compute_in_bfloat16, compute_in_float32

    exact, seen = layers_and_outputs(deepcopy(network))
    assert seen == {"layers": {torch.float32}, "loss": {torch.float32}}
    changed = deepcopy(network)
    compute_in_bfloat16(changed)
    loss, seen = layers_and_outputs(changed)
    assert seen == {"layers": {torch.bfloat16}, "loss": {torch.float32}}
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert loss.item() != exact.item()
    loss.backward()
    gradients = [p.grad for p in changed.parameters() if p.requires_grad and p.grad is not None]
    assert gradients
    assert all(g.dtype == torch.float32 and g.isfinite().all() for g in gradients)
    assert all(p.dtype == torch.float32 for p in changed.parameters())
    compute_in_float32(changed)
    seen = layers_and_outputs(changed)[1]
    assert seen == {"layers": {torch.float32}, "loss": {torch.float32}}


def test_ultralytics_refuses_it_there(ultralytics) -> None:
    """Why it is done here: as soon as this fails, Ultralytics does it itself."""
    import torch
    from ultralytics.utils.torch_utils import autocast

    with pytest.raises(Exception, match="bfloat16 autocast requires CUDA"), autocast(torch.bfloat16, device="cpu"):
        pass


def test_a_processor_is_asked_and_an_old_torch_says_no(ultralytics, monkeypatch) -> None:
    import torch

    from yolo_tl.engine.bfloat16 import cpu_computes_bfloat16

    for answer in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda answer=answer: answer)
        assert cpu_computes_bfloat16() is answer
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert not cpu_computes_bfloat16()
