"""bfloat16 on the CPU, which Ultralytics refuses: oneDNN has instructions for it on processors with AVX512-BF16."""

from __future__ import annotations

from typing import Any


def cpu_computes_bfloat16() -> bool:
    """Whether the processor has instructions for it, backward passes included; elsewhere oneDNN is slow or refuses."""
    import torch

    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # older releases of torch do not tell
    return supported is not None and bool(supported())


def compute_in_bfloat16(network: Any) -> None:
    """From now on compute the layers of an Ultralytics network on the CPU in bfloat16, and its loss in float32.

    The weights stay float32, in the NHWC layout that oneDNN computes fastest. The boxes in the loss are sums over
    16 bins of a grid up to 80 cells wide; the 8 bits of bfloat16 would round them to a quarter of a cell.

    Args:
        network: it is changed. No copy may be made of it until `compute_in_float32`: the copy would call this one.
    """
    import torch

    network.to(memory_format=torch.channels_last)
    forward = network.forward

    def in_bfloat16(x: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(x, dict):  # images with their labels: the loss, which calls this again for the images
            return forward(x, *arguments, **options)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = forward(x.contiguous(memory_format=torch.channels_last), *arguments, **options)
        return _in_float32(outputs)

    network.forward = in_bfloat16


def compute_in_float32(network: Any) -> None:
    """Undo `compute_in_bfloat16`; nothing happens to a network that was not changed."""
    vars(network).pop("forward", None)


def _in_float32(value: Any) -> Any:
    """Tensors, and those in lists, tuples and mappings."""
    if isinstance(value, dict):
        return {key: _in_float32(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_in_float32(item) for item in value)
    return value.float() if hasattr(value, "float") else value
