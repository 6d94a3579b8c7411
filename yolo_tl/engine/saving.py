"""Writing plain Ultralytics checkpoints: they load with ``ultralytics.YOLO`` where this package is not installed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.files import write_bytes


def save_checkpoint(module: Any, path: Path, *, train_args: Mapping[str, Any], half: bool = True, **extra: Any) -> None:
    """Write a network as Ultralytics writes a finished one: no optimizer, no criterion, nothing of this package.

    Args:
        module: an Ultralytics network; it is not changed.
        path: a ``.pt`` file, replaced whole.
        train_args: Ultralytics arguments to keep with it; keys that Ultralytics does not know are left out.
        half: store float16, as Ultralytics does; values beyond its range become its largest.
        extra: further entries, such as ``train_metrics``.
    """
    package = ultralytics()
    import torch
    from ultralytics.utils import DEFAULT_CFG_DICT, DEFAULT_CFG_KEYS

    network = deepcopy(module).cpu()
    network.criterion = None
    network.__dict__.pop("pt_path", None)  # where it once lay
    # channels_last is a matter of the device it was trained on, and older releases cannot fuse such weights.
    network = network.to(memory_format=torch.contiguous_format)
    network = network.half() if half else network.float()
    for value in network.state_dict().values():
        if half and value.is_floating_point():
            torch.nan_to_num_(value)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    arguments = {key: value for key, value in {**DEFAULT_CFG_DICT, **train_args}.items() if key in DEFAULT_CFG_KEYS}
    network.args = arguments
    content = {
        "date": datetime.now().astimezone().isoformat(),
        "version": package.__version__,
        "license": "AGPL-3.0 License (https://ultralytics.com/license)",
        "docs": "https://docs.ultralytics.com",
        "epoch": -1,
        "best_fitness": None,
        "ema": None,
        "updates": None,
        "optimizer": None,
        "scaler": None,
        "model": network,
        "train_args": arguments,
        **extra,
    }
    buffer = io.BytesIO()  # a full disk is then an OSError; torch, given a path, says something else
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())
