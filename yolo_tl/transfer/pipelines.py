"""Augmentation pipelines as they are written: lists of Albumentations transforms in YAML.

A pipeline is kept in ``configs/augment/<name>.yaml``, with an ``about:`` line and ``transforms:``,
each with its ``name``, its probability ``p`` and its parameters::

    about: sensor noise, sometimes blurred
    transforms:
      - {name: GaussNoise, p: 0.3, std_range: [0.01, 0.03]}
      - name: OneOf
        p: 0.2
        transforms:
          - {name: MotionBlur, allow_shifted: false}
          - {name: Defocus, radius: [2, 4]}

Here the form is checked. What the names and parameters mean, `yolo_tl.engine.augmentation` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.errors import ConfigError, PresetNotFound, did_you_mean
from yolo_tl.presets import find_preset, presets, read_yaml

NONE = "none"  # no Albumentations at all
ULTRALYTICS = "ultralytics"  # what Ultralytics does where Albumentations is installed

_EXAMPLE = "for example {name: GaussNoise, p: 0.3, std_range: [0.01, 0.03]}"


@dataclass(frozen=True)
class PipelineEntry:
    """One transform of a pipeline.

    Attributes:
        name: of the Albumentations class.
        where: file and place, for messages.
        parameters: as written, ``p`` included where it is.
        entries: what a composition (``OneOf``) chooses from.
    """

    name: str
    where: str
    parameters: Mapping[str, Any]
    entries: tuple[PipelineEntry, ...] = ()


@dataclass(frozen=True)
class PipelineSpec:
    """A pipeline as written.

    Attributes:
        name: as it was asked for.
        about: what it is for.
        content: the whole of its file; written to another file, it reads as the same pipeline.
        entries: its transforms.
    """

    name: str
    about: str
    content: Mapping[str, Any]
    entries: tuple[PipelineEntry, ...]


def read_pipeline(name: str | Path) -> PipelineSpec:
    """A pipeline by its name in ``configs/augment`` or its file; ``none`` and ``ultralytics`` hold no transforms.

    Raises:
        PresetNotFound: there is no such pipeline.
        ConfigError: the file is malformed; file and entry are named.
    """
    name = str(name)
    if name == NONE:
        return PipelineSpec(name, "no Albumentations", {}, ())
    if name == ULTRALYTICS:
        return PipelineSpec(name, "blur, median blur, grey and CLAHE, each with a probability of 0.01", {}, ())
    if not name.endswith((".yaml", ".yml")) and name not in (known := presets("augment")):
        names = [NONE, ULTRALYTICS, *known]
        raise PresetNotFound(
            f"unknown augmentation pipeline {name!r}{did_you_mean(name, names)}",
            hint=f"known pipelines: {', '.join(names)}; or give the path of a YAML file",
        )
    file = find_preset("augment", name)
    content = read_yaml(file)
    for key in content:
        if key not in ("about", "transforms"):
            raise ConfigError(
                f"{file}: unknown key {key!r}{did_you_mean(str(key), ['about', 'transforms'])}",
                hint="a pipeline has `about` and `transforms`",
            )
    entries = _read_entries(content.get("transforms"), str(file), "transforms")
    return PipelineSpec(name, str(content.get("about", "")), content, entries)


def _read_entries(value: Any, file: str, place: str) -> tuple[PipelineEntry, ...]:
    where = f"{file}, {place}"
    if not isinstance(value, list) or not value:
        found = "an empty list" if value == [] else "nothing" if value is None else type(value).__name__
        raise ConfigError(f"{where}: expected a list of transforms, found {found}", hint=_EXAMPLE)
    return tuple(_read_entry(item, file, f"{place}[{i}]") for i, item in enumerate(value))


def _read_entry(value: Any, file: str, place: str) -> PipelineEntry:
    where = f"{file}, {place}"
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ConfigError(f"{where}: expected a transform with its `name`, found {value!r}", hint=_EXAMPLE)
    name = value["name"]
    p = value.get("p", 0.5)
    if isinstance(p, bool) or not isinstance(p, int | float) or not 0 <= p <= 1:
        raise ConfigError(f"{where}: {name}: p: expected a probability between 0 and 1, found {p!r}")
    entries = _read_entries(value["transforms"], file, f"{place}.transforms") if "transforms" in value else ()
    parameters = {key: item for key, item in value.items() if key not in ("name", "transforms")}
    return PipelineEntry(name, where, parameters, entries)
