"""Export formats as data, so that a request that cannot work is refused before anything is imported."""

from __future__ import annotations

from dataclasses import dataclass

from yolo_tl.config import ExportConfig
from yolo_tl.edge.network import Head
from yolo_tl.errors import ConfigError
from yolo_tl.transfer.network import Network


@dataclass(frozen=True)
class Format:
    """One export format.

    Attributes:
        name: as in the configuration.
        suffix: of the model file.
        packages: what must be installed to make it.
        extra: the extra of this package that brings them.
        heads: heads it can hold.
        dynamic: whether batch and size can be left free, and with which heads.
    """

    name: str
    suffix: str
    packages: tuple[str, ...]
    extra: str
    heads: tuple[str, ...]
    dynamic: tuple[str, ...]


FORMATS = {
    "onnx": Format(
        name="onnx",
        suffix=".onnx",
        packages=("onnx", "onnxslim", "onnxruntime"),
        extra="train",
        heads=("raw", "nms-free", "nms"),
        dynamic=("raw", "nms-free", "nms"),
    )
}


def choose_head(config: ExportConfig, network: Network, *, selected: str) -> Head:
    """The head to export, from what is asked and what the network has.

    Args:
        config: the request.
        network: the network to export.
        selected: the head its checkpoint was selected on, ``nms-free`` or ``one-to-many``.

    Raises:
        ConfigError: the network or the format has no such head.
    """
    entry = FORMATS[config.format]
    preferred: Head = "nms-free" if selected == "nms-free" else "raw"
    head: Head = preferred if config.head == "auto" else config.head
    if head == "nms-free" and not network.two_headed:
        raise ConfigError(
            f"head: {network.family} has no NMS-free head", hint="export with head raw, or train a YOLO26 network"
        )
    if head not in entry.heads:
        raise ConfigError(f"head: {entry.name} cannot hold {head!r}, only {', '.join(entry.heads)}")
    if config.dynamic and head not in entry.dynamic:
        raise ConfigError(f"dynamic: {entry.name} cannot leave sizes free with head {head!r}")
    return head
