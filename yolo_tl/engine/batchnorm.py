"""BatchNorm statistics of a network, measured anew on images.

Averaged weights have activations that none of the averaged statistics describe, and so has a network on images
of another domain. One pass over images without labels gives the statistics of what the network now computes: for
averages Izmailov et al. 2018, arXiv 1803.05407; for domains Li et al. 2016, arXiv 1603.04779 (AdaBN).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from yolo_tl.data.pictures.pixels import read_pixels
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.errors import DataError

_RELATIVE, _ABSOLUTE = 1e-3, 1e-7  # a float16 checkpoint differs from its float32 source by less than this


def reestimate(
    module: Any, batches: Iterable[Any], *, layers: Collection[str] | None = None, device: str | None = None
) -> int:
    """Replace the running mean and variance of BatchNorm layers by those of `batches`.

    Each becomes the plain mean, over the batches, of the mean and the unbiased variance of that layer's inputs. The
    layers that are measured normalise each batch by its own statistics meanwhile, as in training; all else is in eval
    mode. Nothing but these statistics changes: not the parameters, other buffers, modes or momenta. A layer that the
    forward pass does not reach keeps what it has.

    Args:
        module: a network; changed in place.
        batches: float tensors (B, 3, H, W), RGB, in [0, 1]. Batches of equal size weigh each image the same.
        layers: names of the BatchNorm layers, as in ``named_modules``; all by default.
        device: where to compute, ``cpu`` or a CUDA index, of several the first; by default where the network is.
            It goes back there.

    Returns:
        The number of layers that were asked for and keep statistics.

    Raises:
        DataError: there is no batch.
    """
    ultralytics()
    import torch

    norms = [norm for name, norm in batchnorms(module).items() if layers is None or name in layers]
    if not norms:
        return 0
    rest = iter(batches)
    first = next(rest, None)
    if first is None:
        raise DataError("BatchNorm statistics: expected at least one image to measure them on, found none")
    home = norms[0].running_mean.device
    target = home if device is None else torch.device(device if device == "cpu" else f"cuda:{device.split(',')[0]}")
    modes = [(part, part.training) for part in module.modules()]
    before = [(norm, norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    try:
        module.eval().to(target)
        for norm in norms:
            norm.training = True
            norm.momentum = None  # each batch weighs 1 / (batches so far); at the first the old values weigh nothing
            norm.num_batches_tracked.zero_()
        with torch.no_grad():
            for images in chain([first], rest):
                module(images.to(target))
    finally:
        module.to(home)
        for norm, momentum, count in before:
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(count)
        for part, training in modes:
            part.training = training
    return len(norms)


def batchnorms(module: Any) -> dict[str, Any]:
    """The BatchNorm layers of a network that keep statistics, by name."""
    ultralytics()
    from torch.nn.modules.batchnorm import _BatchNorm

    return {
        name: part
        for name, part in module.named_modules()
        if isinstance(part, _BatchNorm) and part.running_mean is not None
    }


def differing(modules: Sequence[Any]) -> set[str]:
    """Names of the BatchNorm layers whose statistics are not the same in all of several networks of one architecture.

    Where they are the same they were frozen, and belong to the weights as they are. Differences that rounding to
    float16 can make do not count.
    """
    ultralytics()
    import torch

    first, *others = [batchnorms(module) for module in modules]
    return {
        name
        for name, norm in first.items()
        for other in others
        for key in ("running_mean", "running_var")
        if not torch.allclose(getattr(norm, key), getattr(other[name], key), rtol=_RELATIVE, atol=_ABSOLUTE)
    }


def image_batches(images: Sequence[Path], *, imgsz: int, batch: int) -> Iterator[Any]:
    """Images as float32 tensors (B, 3, `imgsz`, `imgsz`), RGB, in [0, 1], letterboxed as for prediction.

    Batches differ by at most one in size, and each takes images from the whole of the list: neighbours in it often
    show nearly the same.

    Args:
        images: the files; each is used once.
        imgsz: side of the square, px.
        batch: most images in a batch.

    Raises:
        ImageError: an image is missing or cannot be decoded.
    """
    ultralytics()
    import torch
    from ultralytics.data.augment import LetterBox

    letterbox = LetterBox((imgsz, imgsz), auto=False)
    count = -(-len(images) // batch)
    for number in range(count):
        pictures = [letterbox(image=read_pixels(path)) for path in images[number::count]]
        yield torch.from_numpy(np.stack(pictures)).flip(-1).permute(0, 3, 1, 2).float() / 255
