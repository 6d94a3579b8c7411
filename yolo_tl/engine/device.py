"""The device a run uses, from what is asked and what is there."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from yolo_tl.engine.bfloat16 import cpu_computes_bfloat16
from yolo_tl.engine.hermetic import cores, ultralytics
from yolo_tl.errors import ConfigError
from yolo_tl.transfer.facts import DeviceFacts


def find_device(request: str, *, several: bool = False) -> DeviceFacts:
    """Resolve ``auto``, ``cpu``, ``cuda`` or a CUDA index.

    Args:
        request: what was asked for.
        several: take a list, too: ``0,1``, or ``cpu,cpu`` for two processes. Only training uses more than one.

    Raises:
        ConfigError: a device does not exist here, devices of two kinds are asked for, or several where one is used.
    """
    ultralytics()
    import torch

    cuda = torch.cuda.is_available()
    if request == "auto":
        request = "0" if cuda else "cpu"
    asked = [part.strip() for part in request.split(",")]
    if len(asked) > 1 and not several:
        raise ConfigError(f"device: expected one device, found {request!r}", hint="only training uses several")
    if all(part == "cpu" for part in asked):
        return DeviceFacts("cpu", "CPU", bf16=cpu_computes_bfloat16(), cores=cores(), count=len(asked))
    indices = [part.removeprefix("cuda").removeprefix(":") or "0" for part in asked]
    if not all(index.isdecimal() for index in indices) or len(set(indices)) < len(indices):
        raise ConfigError(f"device: expected auto, cpu, cuda, a CUDA index or several such as 0,1, found {request!r}")
    if not cuda or max(map(int, indices)) >= torch.cuda.device_count():
        found = f"{torch.cuda.device_count()} CUDA devices" if cuda else "no CUDA device"
        raise ConfigError(f"device: {request!r} was asked for, found {found}", hint="use --device cpu")
    name = torch.cuda.get_device_name(int(indices[0]))
    return DeviceFacts(",".join(indices), name, bf16=torch.cuda.is_bf16_supported(), cores=cores(), count=len(indices))


def images_that_fit(module: Any, device: DeviceFacts, *, imgsz: int) -> int | None:
    """Images that a training step may take on a CUDA device, at 60 % of its memory; None on the CPU.

    Measured by Ultralytics' profile of forward and backward passes, on the first device.
    """
    if device.id == "cpu":
        return None
    import torch
    from ultralytics.utils.autobatch import check_train_batch_size

    network = deepcopy(module).to(torch.device(f"cuda:{device.id.split(',')[0]}"))
    amp = torch.bfloat16 if device.bf16 else False
    return device.count * int(check_train_batch_size(network, imgsz=imgsz, amp=amp, batch=-1))
