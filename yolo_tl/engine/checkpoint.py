"""Loading Ultralytics checkpoints without running what a stranger pickled into them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.errors import ModelError, UntrustedCheckpoint, WeightsNotFound
from yolo_tl.transfer.network import Network


def load_checkpoint(path: Path | str, *, trust: bool = False) -> Any:
    """The network of a checkpoint, float32, on the CPU, in eval mode (an Ultralytics ``nn.Module``).

    Args:
        path: a ``.pt`` file.
        trust: unpickle anything the file asks for. Without it only the network classes of torch and
            Ultralytics are rebuilt, so a checkpoint from unknown hands cannot run code.

    Raises:
        WeightsNotFound: no such file.
        UntrustedCheckpoint: it needs other classes, which are named.
        ModelError: it is damaged, or not an Ultralytics checkpoint.
    """
    ultralytics()
    from ultralytics.nn import tasks

    path = Path(path)
    if not path.is_file():
        raise WeightsNotFound(f"{path}: no such checkpoint")
    try:
        content, _ = tasks.torch_safe_load(str(path), safe_only=not trust)
    except Exception as error:  # damaged bytes make an unpickler raise almost anything
        raise _explain(path, error) from error
    module = content.get("ema") or content.get("model") if isinstance(content, dict) else None
    if module is None or not hasattr(module, "yaml"):
        raise ModelError(f"{path}: expected an Ultralytics checkpoint, found no network in it")
    module = module.float().eval()
    module.args = {**tasks.DEFAULT_CFG_DICT, **content.get("train_args", {})}
    module.pt_path = str(path)
    module.task = getattr(module, "task", None) or tasks.guess_model_task(module)
    return module


def new_network(architecture: str) -> Any:
    """A network with random weights from an architecture YAML such as ``yolo26n.yaml``.

    Raises:
        WeightsNotFound: Ultralytics knows no such architecture and there is no such file.
    """
    ultralytics()
    from ultralytics.nn.tasks import DetectionModel

    try:
        return DetectionModel(architecture, verbose=False)
    except FileNotFoundError as error:
        raise WeightsNotFound(
            f"{architecture}: no such architecture", hint="for example yolo26n.yaml, yolo11s.yaml, yolov8n.yaml"
        ) from error


def describe_network(module: Any, *, pretrained: bool) -> Network:
    """The facts of a loaded network that a plan needs."""
    import torch

    names = module.names.values() if isinstance(module.names, dict) else module.names
    return Network.from_yaml(
        module.yaml,
        parameters=tuple((name, parameter.numel()) for name, parameter in module.named_parameters()),
        norms=tuple(name for name, part in module.named_modules() if isinstance(part, torch.nn.BatchNorm2d)),
        names=tuple(names),
        task=getattr(module, "task", "detect"),
        pretrained=pretrained,
    )


def _explain(path: Path, error: Exception) -> ModelError:
    refused = re.search(r"(?:Unsupported )?(?:GLOBAL|class) ([\w.]+)", f"{error.__cause__ or ''}")
    if "outside the supported" in str(error):
        what = f" ({refused.group(1)})" if refused else ""
        return UntrustedCheckpoint(
            f"{path}: asks to rebuild objects that are not part of a network{what}",
            hint="if you trust where it came from, say --trust",
        )
    if isinstance(error, ModuleNotFoundError):
        return ModelError(f"{path}: needs the module {error.name!r}, which is not installed")
    return ModelError(f"{path}: not a loadable checkpoint; it is empty, cut short or another kind of file")
