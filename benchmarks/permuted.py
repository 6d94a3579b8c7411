"""A planted bad start: a trunk of which nothing is left but the distribution of its weights."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any


def permuted(module: Any, seed: int) -> Any:
    """A copy of a network with the values of every tensor of its trunk, BatchNorm included, in another order.

    The head stays: among its tensors are constants that no training would put right.
    """
    import torch

    planted, order = deepcopy(module), torch.Generator().manual_seed(seed)
    head = f"model.{len(planted.model) - 1}."
    for name, value in planted.state_dict().items():
        if value.is_floating_point() and not name.startswith(head):
            value.copy_(value.flatten()[torch.randperm(value.numel(), generator=order)].view_as(value))
    return planted


def permuted_checkpoint(weights: str, out: Path, seed: int) -> Path:
    """The same of a checkpoint, written to `out`; what is there already stays."""
    from yolo_tl.engine.checkpoint import load_checkpoint
    from yolo_tl.engine.saving import save_checkpoint
    from yolo_tl.engine.weights import find_weights

    if not out.is_file():
        module = load_checkpoint(find_weights(weights))
        save_checkpoint(permuted(module, seed), out, train_args=module.args)
    return out
