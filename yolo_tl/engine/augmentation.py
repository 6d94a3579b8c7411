"""Albumentations pipelines built from YAML, tried before training, and put in the place of Ultralytics' own.

Ultralytics adds blur, grey and CLAHE to the training images wherever Albumentations happens to be
installed, hands them over as BGR, leaves out with a log line what it cannot construct, and draws from
random generators that start anew where a run is resumed.
"""

from __future__ import annotations

import inspect
import os
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.engine.pipeline import Pipeline
from yolo_tl.errors import ConfigError, MissingExtra, ModelError, did_you_mean
from yolo_tl.transfer.pipelines import NONE, ULTRALYTICS, PipelineEntry, read_pipeline

__all__ = ["Pipeline", "load_pipeline", "replace_albumentations"]

COMPOSITIONS = ("OneOf", "OneOrOther", "RandomOrder", "Sequential", "SomeOf")

# What would leave boxes wrong, or nothing to train on, although Albumentations applies it.
REFUSED = {
    "RandomGridShuffle": "it cuts the picture into tiles, and objects with it",
    "Lambda": "it needs code",
    **dict.fromkeys(("Compose", "ReplayCompose"), "inside a pipeline, Sequential does the same"),
    "SelectiveChannelTransform": "it does not carry boxes",
    "CropNonEmptyMaskIfExists": "it needs masks",
    **dict.fromkeys(
        ("LongestMaxSize", "RandomScale", "Resize", "SmallestMaxSize"),
        "the size of the frame is imgsz; to change that of the objects, use Affine with scale",
    ),
    **dict.fromkeys(
        ("FromFloat", "Normalize", "ToFloat", "ToTensor3D", "ToTensorV2"), "training does this after the pipeline"
    ),
}


def load_pipeline(name: str | Path, *, sizes: Sequence[int] = (640,)) -> Pipeline | None:
    """Build a pipeline and try it, so that what is wrong shows before training.

    Args:
        name: in ``configs/augment``, a YAML file, ``none``, or ``ultralytics``.
        sizes: sides of the training images, px; each transform is applied once at each.

    Returns:
        The pipeline; for ``none`` one that changes nothing, for ``ultralytics`` None: its own is to stay.

    Raises:
        PresetNotFound: there is no such pipeline.
        MissingExtra: Albumentations is needed, and not installed.
        ConfigError: an entry is wrong; file and entry are named.
    """
    spec = read_pipeline(name)
    if spec.name == NONE:
        return Pipeline(spec.name, ())
    albumentations = _import_albumentations()
    if spec.name == ULTRALYTICS:
        return None
    transforms = [_build(entry, albumentations) for entry in spec.entries]
    for entry in _leaves(spec.entries):
        for size in sizes:
            _try(entry, size, albumentations)
    return Pipeline(spec.name, transforms, spec.content)


def replace_albumentations(compose: Any, pipeline: Pipeline | None) -> None:
    """Put `pipeline` where Ultralytics' training transforms hold their own Albumentations.

    Args:
        compose: what ``v8_transforms`` or ``YOLODataset.build_transforms`` made for training.
        pipeline: one without transforms takes the place, too, and changes nothing. None leaves what
            Ultralytics made, once it is certain that it made something.

    Raises:
        ModelError: the transforms are not arranged as in Ultralytics 8.4.
        MissingExtra: Ultralytics' own is to stay, and Albumentations is not installed.
    """
    ultralytics()
    from ultralytics.data.augment import Albumentations

    places = [i for i, transform in enumerate(compose.transforms) if isinstance(transform, Albumentations)]
    if len(places) != 1:
        raise ModelError(
            f"expected one Albumentations among the training transforms of Ultralytics, found {len(places)}",
            hint='pip install "yolo-tl[train]" gets a tested version',
        )
    if pipeline is not None:
        compose.transforms[places[0]] = pipeline
    elif compose.transforms[places[0]].transform is None:  # it logs why, and goes on without
        raise MissingExtra("albumentations", "train")


def _import_albumentations() -> ModuleType:
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask a host for its newest version
    try:
        import albumentations
    except ImportError as error:
        raise MissingExtra("albumentations", "train") from error
    if not hasattr(albumentations.Compose, "set_random_state"):
        raise ModelError(
            f"albumentations {albumentations.__version__} is installed; pipelines need 2.0 or newer",
            hint='pip install "yolo-tl[train]"',
        )
    return albumentations


@contextmanager
def _warnings(action: Literal["error", "ignore"]) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        yield


def _leaves(entries: Sequence[PipelineEntry]) -> Iterator[PipelineEntry]:
    for entry in entries:
        yield from _leaves(entry.entries) if entry.entries else (entry,)


def _build(entry: PipelineEntry, albumentations: ModuleType) -> Any:
    """The transform of an entry, with those inside it."""
    kind = _class_of(entry, albumentations)
    options = {key: _resolve(value, entry) for key, value in entry.parameters.items()}
    known = [key for key in inspect.signature(kind).parameters if key not in ("transforms", "first", "second")]
    for key in options:
        if key not in known:
            raise ConfigError(
                f"{entry.where}: {entry.name} has no parameter {key!r}{did_you_mean(key, known)}",
                hint=f"its parameters: {', '.join(sorted(known))}",
            )
    try:
        if entry.name in COMPOSITIONS:
            inner = [_build(child, albumentations) for child in entry.entries]
            with _warnings("error"):  # more to choose than there is
                return kind(transforms=inner, **options)
        transform = _construct(kind, options)
    except ConfigError:
        raise
    except ZeroDivisionError as error:
        raise ConfigError(f"{entry.where}: {entry.name}: the probabilities inside it add up to 0") from error
    except Exception as error:
        raise ConfigError(f"{entry.where}: {entry.name}: {_reason(error)}") from error
    if needs := sorted(set(getattr(transform, "targets_as_params", ())) - {"image", "bboxes"}):
        raise ConfigError(f"{entry.where}: {entry.name} needs {', '.join(needs)}, which a pipeline does not have")
    return transform


def _class_of(entry: PipelineEntry, albumentations: ModuleType) -> type:
    abstract = ("BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D")
    known = {
        key: value
        for key, value in vars(albumentations).items()
        if inspect.isclass(value) and issubclass(value, albumentations.BasicTransform) and key not in abstract
    }
    if entry.name in REFUSED:
        raise ConfigError(f"{entry.where}: {entry.name} cannot be used here: {REFUSED[entry.name]}")
    if entry.name in COMPOSITIONS:
        if not entry.entries:
            raise ConfigError(f"{entry.where}: {entry.name}: expected `transforms`, a list to choose from")
        composition: type = getattr(albumentations, entry.name)
        return composition
    if entry.name not in known:
        close = did_you_mean(entry.name, [*COMPOSITIONS, *known])
        raise ConfigError(
            f"{entry.where}: Albumentations {albumentations.__version__} has no transform {entry.name!r}{close}",
            hint="see https://albumentations.ai/docs for its transforms",
        )
    if entry.entries:
        raise ConfigError(f"{entry.where}: {entry.name} takes no `transforms`; {', '.join(COMPOSITIONS)} do")
    kind = known[entry.name]
    if issubclass(kind, albumentations.Transform3D):
        raise ConfigError(f"{entry.where}: {entry.name} cannot be used here: it is for volumes")
    return kind


def _construct(kind: type, options: Mapping[str, Any]) -> Any:
    """An instance; values that Albumentations would replace by others, with a warning, are errors."""
    with _warnings("ignore"):  # that there is a faster or a more general transform
        warnings.filterwarnings("error", message=".*automatically adjusted")
        try:
            return kind(**options, strict=True)
        except TypeError as error:
            if "strict" not in str(error):
                raise
    with _warnings("error"):
        return kind(**options)


def _resolve(value: Any, entry: PipelineEntry) -> Any:
    """A value with the names of OpenCV's constants, ``cv2.BORDER_REFLECT``, as their numbers."""
    import cv2

    if isinstance(value, list):
        return [_resolve(item, entry) for item in value]
    if isinstance(value, dict):
        return {key: _resolve(item, entry) for key, item in value.items()}
    if isinstance(value, str) and value.startswith("cv2."):
        number = getattr(cv2, value[4:], None)
        if not isinstance(number, int):
            raise ConfigError(f"{entry.where}: {entry.name}: OpenCV has no constant {value[4:]}")
        return number
    return value


def _reason(error: Exception) -> str:
    """What a failed construction says, in one line; pydantic's errors name the parameter and the value."""
    details = getattr(error.__cause__, "errors", None)
    if details is None:
        return str(error).strip().partition("\n")[0] or type(error).__name__
    first = details()[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("function-", "tuple[")))
    return (f"{place}: " if place else "") + f"{first['msg']}, found {first['input']!r}"


def _try(entry: PipelineEntry, size: int, albumentations: ModuleType) -> None:
    """Apply one transform, certainly, to a picture with objects and to one without.

    Raises:
        ConfigError: it fails, or what it leaves is no picture with boxes.
    """
    certain = PipelineEntry(entry.name, entry.where, {**entry.parameters, "p": 1.0})
    pipeline = Pipeline(entry.name, [_build(certain, albumentations)])
    picture = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    boxes = np.array([[0.1, 0.1, 0.4, 0.3], [0.5, 0.5, 0.9, 0.95], [0.45, 0.05, 0.6, 0.2]], np.float32)
    state = random.getstate()
    try:
        with _warnings("ignore"):
            for truth in (boxes, boxes[:0]):
                random.seed(0)
                after, moved, _ = pipeline.apply(picture.copy(), truth)
                if after.dtype != np.uint8 or after.ndim != 3 or after.shape[2] != 3:
                    raise ConfigError(
                        f"{entry.where}: {entry.name} makes {after.dtype} of shape {after.shape} of a picture, "
                        "expected uint8 of three channels"
                    )
                if not (np.isfinite(moved).all() and (moved >= 0).all() and (moved <= 1).all()):
                    raise ConfigError(f"{entry.where}: {entry.name} leaves boxes outside of the picture")
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{entry.where}: {entry.name} fails on a picture of {size} x {size} px: {_reason(error)}"
        ) from error
    finally:
        random.setstate(state)
