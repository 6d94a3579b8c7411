"""The processes that train a stage together: each has a device of its own, all have the same weights.

In a process that trains alone every function here is a no-op.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.errors import PlanMismatch

PATIENCE = timedelta(hours=3)  # as in Ultralytics: the first process may prepare the data meanwhile
Value = TypeVar("Value")


def join_group(devices: str, rank: int, rendezvous: Path) -> None:
    """Meet the other processes, each on its device; talk NCCL on CUDA, gloo otherwise.

    Args:
        devices: of all processes, such as ``0,1`` or ``cuda:0,cuda:1``, or ``cpu``.
        rank: number of this process.
        rendezvous: a file that does not exist yet. Unlike a port, nobody else can take it.
    """
    ultralytics()
    import torch
    from torch import distributed

    cuda = devices != "cpu"
    if cuda:
        torch.cuda.set_device(int(devices.split(",")[rank].rpartition(":")[2]))
        os.environ["TORCH_NCCL_BLOCKING_WAIT"] = "1"  # raise in the training instead of aborting the process
    distributed.init_process_group(
        "nccl" if cuda and distributed.is_nccl_available() else "gloo",
        init_method=rendezvous.as_uri(),
        rank=rank,
        world_size=int(os.environ["WORLD_SIZE"]),
        timeout=PATIENCE,
    )


def leave_group() -> None:
    """Part from the other processes, when all is done."""
    from torch import distributed

    distributed.destroy_process_group()


def own_device(device: Any) -> Any:
    """The ``torch.device`` of this process, of the kind of `device`."""
    import torch

    return torch.device("cuda", torch.cuda.current_device()) if device.type == "cuda" else device


def synchronised(network: Any, device: Any) -> Any:
    """`network` with gradients that are averaged over the group.

    Whatever is frozen must be so by now: hooks are set for the parameters that learn.
    """
    from inspect import signature

    from torch.nn.parallel import DistributedDataParallel

    known = signature(DistributedDataParallel).parameters
    buffers = (
        "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    )  # torch 2.13 renamed it
    return DistributedDataParallel(
        network,
        device_ids=[device.index] if device.type == "cuda" else None,
        find_unused_parameters=True,  # images without objects give no gradient to the box branch
        **{buffers: False},
    )


def gather(value: Value) -> list[Value]:
    """What every process has, by rank. Waits for all of them."""
    from torch import distributed

    if not distributed.is_initialized():
        return [value]
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values


def share_buffers(network: Any) -> None:
    """Give every process the BatchNorm statistics of the first; each gathers its own from the images it sees."""
    from torch import distributed

    if distributed.is_initialized():
        for buffer in network.buffers():
            distributed.broadcast(buffer, src=0)


def require_equal_weights(network: Any) -> None:
    """Raise unless every process has the parameters of the first, to the bit.

    GPUs of several kinds round differently; among them nothing is raised.

    Raises:
        PlanMismatch: on all of them, naming a parameter: its gradients were not synchronised.
    """
    import torch
    from torch import distributed

    if not distributed.is_initialized():
        return
    with torch.no_grad():
        own = torch.cat([parameter.reshape(-1) for parameter in network.parameters()])
        first = own.clone()
        distributed.broadcast(first, src=0)
        apart = (own != first).nonzero()
    place = int(apart[0]) if len(apart) else None
    kind = torch.cuda.get_device_name(own.device) if own.is_cuda else "cpu"
    kinds, places = zip(*gather((kind, place)), strict=True)
    wrong = [(rank, found) for rank, found in enumerate(places) if found is not None]
    if wrong and len(set(kinds)) == 1:
        rank, found = wrong[0]
        raise PlanMismatch(
            f"process {rank} has other weights than process 0, for example {_parameter_at(network, found)}",
            hint="the last state is from before that; go on with one device",
        )


def _parameter_at(network: Any, place: int) -> str:
    for name, parameter in network.named_parameters():
        if place < parameter.numel():
            return str(name)
        place -= parameter.numel()
    raise IndexError(place)
