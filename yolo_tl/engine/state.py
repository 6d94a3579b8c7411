"""The resumable state of a run: with it, a run that was killed ends as if it had not been.

Ultralytics keeps half-precision averages only, and no random state, so what it resumes is
another run. Here every tensor is kept in full, optimizer moments by parameter name (the
groups change from stage to stage), and the state of each random generator that training
draws from. With loader processes (on a GPU) the augmentation after resuming differs.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.errors import ModelError
from yolo_tl.files import write_bytes

VERSION = 1
FILE = "state/last.pt"


def write_state(run: Path, content: Mapping[str, Any]) -> None:
    """Write ``RUN/state/last.pt``, whole."""
    import torch

    buffer = io.BytesIO()
    torch.save({"version": VERSION, **content}, buffer)
    write_bytes(run / FILE, buffer.getvalue())


def read_state(run: Path) -> dict[str, Any] | None:
    """The state of a run; None if it never got to the end of an epoch.

    Raises:
        ModelError: the file is damaged, or of another version of this package.
    """
    ultralytics()
    import torch

    path = run / FILE
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        version = state["version"]
    except Exception as error:  # damaged bytes make an unpickler raise almost anything
        raise ModelError(f"{path}: the state of the run cannot be read: {error}") from error
    if version != VERSION:
        raise ModelError(f"{path}: expected a state of version {VERSION}, found {version}")
    return state


def random_state(trainer: Any) -> dict[str, Any]:
    """The state of every random generator that training draws from, in this process."""
    import torch

    loader = trainer.train_loader
    pixels = _albumentations(loader.dataset)
    return {
        "python": json.dumps(random.getstate()),
        "numpy": json.dumps(np.random.get_state(legacy=False), default=_plain),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "loader": loader.generator.get_state(),
        "buffer": list(loader.dataset.buffer),
        "pixels": json.dumps(
            [[g.random_generator.bit_generator.state, g.py_random.getstate()] for g in _drawing(pixels)]
        ),
        "pixels_seed": pixels.seed if pixels else None,
    }


def restore_random_state(trainer: Any, state: Mapping[str, Any], *, continues: bool) -> None:
    """Put every random generator where it was at the end of an epoch.

    Args:
        trainer: a trainer whose loaders were just built.
        state: of `random_state`.
        continues: the loader would have gone on with its shuffled iterator, instead of beginning
            another one because mosaic is closed.
    """
    import torch

    loader = trainer.train_loader
    dataset = loader.dataset
    for index in state["buffer"]:  # images that mosaic may draw are in memory
        dataset.load_image(index)
    dataset.buffer[:] = state["buffer"]
    if continues:
        loader.iterator = loader._get_iterator()  # draws a seed, as it did when the run began
    loader.generator.set_state(state["loader"])
    if continues and len(dataset) % loader.batch_size == 0:
        # A sampler that ends on a full batch is asked once more, and shuffles before it finds that it has ended.
        torch.randperm(len(dataset), generator=loader.generator)
    if (pixels := _albumentations(dataset)) and state["pixels_seed"] is not None:
        pixels.set_random_seed(state["pixels_seed"])
        for transform, (of_numpy, of_python) in zip(_drawing(pixels), json.loads(state["pixels"]), strict=True):
            transform.random_generator.bit_generator.state = of_numpy
            transform.py_random.setstate(_tuples(of_python))
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    torch.set_rng_state(state["torch"])
    np.random.set_state(_numpy_state(json.loads(state["numpy"])))
    random.setstate(_tuples(json.loads(state["python"])))


def optimizer_state(trainer: Any) -> dict[str, dict[str, Any]]:
    """Moments and counters of the optimizer by parameter name."""
    from ultralytics.utils.torch_utils import unwrap_model

    names = {id(parameter): name for name, parameter in unwrap_model(trainer.model).named_parameters()}
    return {names[id(parameter)]: dict(values) for parameter, values in trainer.optimizer.state.items()}


def restore_optimizer_state(trainer: Any, state: Mapping[str, Mapping[str, Any]]) -> None:
    """Give the parameters of an optimizer their moments back."""
    import torch
    from ultralytics.utils.torch_utils import unwrap_model

    fused = bool(trainer.optimizer.param_groups[0].get("fused"))  # then counters live on the device, too
    for name, parameter in unwrap_model(trainer.model).named_parameters():
        if name in state:
            trainer.optimizer.state[parameter] = {
                key: value.to(parameter.device if value.ndim or fused else value.device, copy=True)
                if isinstance(value, torch.Tensor)
                else value
                for key, value in state[name].items()
            }


def _albumentations(dataset: Any) -> Any:
    """The Compose with random generators of its own that Ultralytics may have added; None if there is none."""
    for transform in dataset.transforms.transforms:
        inner = getattr(transform, "transform", None)
        if type(transform).__name__ == "Albumentations" and hasattr(inner, "random_generator"):
            return inner
    return None


def _drawing(pixels: Any) -> list[Any]:
    """A Compose of Albumentations and its transforms: each draws from generators of its own."""
    inner = getattr(pixels, "transforms", ())
    return ([] if pixels is None else [pixels]) + [found for part in inner for found in _drawing(part)]


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else int(value)


def _numpy_state(state: dict[str, Any]) -> dict[str, Any]:
    inner = state["state"]
    return {**state, "state": {**inner, "key": np.array(inner["key"], dtype=np.uint32)}}


def _tuples(value: Any) -> Any:
    """JSON has lists only; a generator's state is of tuples."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
