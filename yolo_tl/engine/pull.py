"""L2-SP: the trunk is pulled towards the weights it started from (Li et al. 2018, arXiv 1802.01483)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def pull_towards(anchor: Mapping[str, Any], model: Any, optimizer: Any, strength: float, head: int) -> None:
    """Move every learning weight w of the trunk by ``lr · strength · (w0 - w)``.

    The penalty is decoupled from the gradient, as AdamW does it with weight decay (Loshchilov & Hutter 2019,
    arXiv 1711.05101), so that it means the same with every optimizer.

    Args:
        anchor: w0 by parameter name.
        model: the network.
        optimizer: its groups hold the learning rates of this step.
        strength: alpha of the paper.
        head: index of the detection head, which is not pulled: it may have started at random.
    """
    import torch

    names = {id(parameter): name for name, parameter in model.named_parameters()}
    with torch.no_grad():
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                name = names[id(parameter)]
                if parameter.grad is not None and int(name.split(".")[1]) < head:
                    parameter.lerp_(anchor[name].to(parameter.device), min(group["lr"] * strength, 1.0))
