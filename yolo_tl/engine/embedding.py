"""Vectors of images from the backbone of a checkpoint: images that show the same have close ones.

Of each of the two deepest stages the mean and the deviation of every channel over the picture,
each scaled to length 1. That is done upright and turned by a quarter, and added up: so a shift, a
crop or a small rotation hardly moves the vector, nor does a quarter turn or a mirror.

How close is close differs from data set to data set far more than between a copy and a
stranger (see benchmarks/leaks.md), so no threshold on the cosine tells them apart: the nearest
are candidates, to be confirmed by `yolo_tl.data.overlap`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.data.pictures.pixels import read_pixels
from yolo_tl.engine.checkpoint import load_checkpoint
from yolo_tl.engine.device import find_device
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.engine.weights import find_weights
from yolo_tl.errors import ImageError, ModelError

_STAGES = 2


def embedder(
    weights: str | os.PathLike[str],
    *,
    imgsz: int = 320,
    device: str = "auto",
    batch: int = 16,
    trust: bool = False,
) -> Callable[[Sequence[Path]], NDArray[np.float32]]:
    """A function from image files to (N, D) vectors of length 1; zeros for an image that cannot be decoded.

    Any Ultralytics checkpoint of three input channels will do; D depends on it. Images are letterboxed as for
    training. The same files give the same vectors.

    Args:
        weights: a checkpoint's path or name.
        imgsz: side of the square input, px.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index.
        batch: images per forward pass.
        trust: load a checkpoint that asks for foreign classes.

    Raises:
        MissingExtra: Ultralytics is not installed.
        WeightsNotFound: the checkpoint is nowhere to be found.
        ModelError: it is damaged, or takes other images than of three channels.
        ConfigError: the device does not exist here.
    """
    ultralytics()
    import torch
    from ultralytics.data.augment import LetterBox

    path = find_weights(os.fspath(weights))
    module = load_checkpoint(path, trust=trust)
    if (channels := module.yaml.get("channels", 3)) != 3:
        raise ModelError(f"{path}: expected a network for images of 3 channels, found one for {channels}")
    found = find_device(device).id
    target = torch.device(found if found == "cpu" else f"cuda:{found}")
    module = module.to(target)
    letterbox = LetterBox((imgsz, imgsz), auto=False)

    def embed(paths: Sequence[Path]) -> NDArray[np.float32]:
        parts: list[NDArray[np.float32]] = []
        with torch.inference_mode(), torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False):
            for start in range(0, len(paths), batch):
                pictures = [_picture(path, letterbox) for path in paths[start : start + batch]]
                shown = [np.zeros((imgsz, imgsz, 3), np.uint8) if p is None else p for p in pictures]
                pixels = torch.from_numpy(np.stack(shown)).to(target)
                images = pixels.flip(-1).permute(0, 3, 1, 2).float() / 255
                vectors = sum(_vectors(module, torch.rot90(images, turns, (2, 3))) for turns in (0, 1))
                vectors = torch.nn.functional.normalize(vectors).cpu().numpy()
                vectors[[p is None for p in pictures]] = 0
                parts.append(vectors)
        return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)

    return embed


def _picture(path: Path, letterbox: Any) -> NDArray[np.uint8] | None:
    """A square BGR picture."""
    try:
        picture: NDArray[np.uint8] = letterbox(image=read_pixels(path))
    except ImageError:
        return None
    return picture


def _vectors(module: Any, images: Any) -> Any:
    import torch
    from torch.nn.functional import normalize

    values = [stage.flatten(2) for stage in _stages(module, images)]
    return torch.cat([normalize(part) for v in values for part in (v.mean(2), v.std(2, correction=0))], 1)


def _stages(module: Any, images: Any) -> list[Any]:
    """Feature maps at the end of the deepest stages, run as Ultralytics' ``_predict_once`` does."""
    saved: list[Any] = []
    ends: dict[int, Any] = {}
    x = images
    for layer in module.model[: len(module.yaml["backbone"])]:
        if layer.f != -1:
            x = saved[layer.f] if isinstance(layer.f, int) else [x if i == -1 else saved[i] for i in layer.f]
        x = layer(x)
        saved.append(x if layer.i in module.save else None)
        if getattr(x, "ndim", 0) == 4:
            ends[x.shape[-1]] = x
    return [ends[width] for width in sorted(ends)[:_STAGES]]
