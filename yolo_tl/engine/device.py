"""The device a run uses, from what is asked and what is there."""

from __future__ import annotations

from yolo_tl.engine.hermetic import cores, ultralytics
from yolo_tl.errors import ConfigError
from yolo_tl.transfer.facts import DeviceFacts


def find_device(request: str) -> DeviceFacts:
    """Resolve ``auto``, ``cpu``, ``cuda`` or a CUDA index.

    Raises:
        ConfigError: the device does not exist here, or several are asked for.
    """
    ultralytics()
    import torch

    cuda = torch.cuda.is_available()
    if request == "auto":
        request = "0" if cuda else "cpu"
    if request == "cpu":
        return DeviceFacts("cpu", "CPU", bf16=False, cores=cores())
    index = request.removeprefix("cuda").removeprefix(":") or "0"
    if not index.isdecimal():
        raise ConfigError(f"device: expected auto, cpu, cuda or one CUDA index, found {request!r}")
    if not cuda or int(index) >= torch.cuda.device_count():
        found = f"{torch.cuda.device_count()} CUDA devices" if cuda else "no CUDA device"
        raise ConfigError(f"device: {request!r} was asked for, found {found}", hint="use --device cpu")
    name = torch.cuda.get_device_name(int(index))
    return DeviceFacts(index, name, bf16=torch.cuda.is_bf16_supported(), cores=cores())
