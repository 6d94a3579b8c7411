"""How configuration values are found: defaults < preset < file < options.

A preset is a named difference from the defaults, kept in ``configs/<kind>/<name>.yaml``
with an ``about:`` line and, where it builds on another, ``extends:``. Where each value
came from is kept beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import yaml

from yolo_tl.config import Config, build, flatten_schema
from yolo_tl.errors import ConfigError, PresetNotFound, did_you_mean

META_KEYS = ("about", "extends")


@dataclass(frozen=True)
class Resolved(Generic[Config]):
    """A configuration with the source of each value: ``default``, ``preset NAME``, a file, or ``user``."""

    config: Config
    sources: Mapping[str, str]
    preset: str | None


def resolve(
    schema: type[Config],
    *,
    kind: str,
    preset: str | None = None,
    file: Path | str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Resolved[Config]:
    """Build a configuration: defaults < preset < file < overrides.

    Args:
        schema: the dataclass.
        kind: folder of its presets (``train``, ``export``).
        preset: a preset's name, or the path of a YAML file that is one.
        file: a YAML file of the user's own; may itself say ``extends:``.
        overrides: dotted keys to values, strongest.

    Raises:
        ConfigError: unknown key (names its closest match), wrong type or range.
        PresetNotFound: no preset of that name.
    """
    values: dict[str, Any] = {}
    sources = dict.fromkeys(flatten_schema(schema), "default")
    layers: list[tuple[str, Mapping[str, Any]]] = []
    if preset is not None:
        layers += _preset_chain(kind, preset, seen=())
    if file is not None:
        layers += _file_chain(kind, Path(file))
    layers.append(("user", dict(overrides or {})))
    for source, layer in layers:
        for key, value in flatten(layer).items():
            _check_key(schema, key, source)
            values[key] = value
            sources[key] = source
    config = build(schema, unflatten(values), sources)
    return Resolved(config, sources, preset)


def presets(kind: str) -> dict[str, str]:
    """Names of the known presets of a kind, each with its ``about`` line."""
    found = {path.stem: path for folder in reversed(_preset_folders(kind)) for path in sorted(folder.glob("*.yaml"))}
    return {name: str(read_yaml(path).get("about", "")) for name, path in sorted(found.items())}


def parse_assignment(text: str) -> tuple[str, Any]:
    """``a.b=1`` → (``a.b``, 1); the value is read as YAML.

    >>> parse_assignment("augment.mosaic=0.5")
    ('augment.mosaic', 0.5)
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: expected KEY=VALUE", hint="for example --set augment.mosaic=0.5")
    try:
        return key.strip(), yaml.safe_load(value) if value.strip() else ""
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {text}: the value is not valid YAML: {error}") from error


def _preset_folders(kind: str) -> list[Path]:
    """Where presets are looked for: the working folder, then what was installed with the package."""
    package = Path(__file__).parent
    shipped = package / "configs" if (package / "configs").is_dir() else package.parent / "configs"
    return [Path("configs") / kind, shipped / kind]


def _preset_chain(kind: str, name: str, *, seen: tuple[str, ...]) -> list[tuple[str, Mapping[str, Any]]]:
    """The layers of a preset, the one it extends first."""
    if name in seen:
        raise ConfigError(f"preset {name}: extends itself through {' → '.join((*seen, name))}")
    path = find_preset(kind, name)
    content = read_yaml(path)
    layer = (f"preset {path.stem}", {k: v for k, v in content.items() if k not in META_KEYS})
    parent = content.get("extends")
    return [*_preset_chain(kind, str(parent), seen=(*seen, name)), layer] if parent else [layer]


def _file_chain(kind: str, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    content = read_yaml(path)
    parent = content.get("extends")
    layers = _preset_chain(kind, str(parent), seen=()) if parent else []
    return [*layers, (str(path), {k: v for k, v in content.items() if k not in META_KEYS})]


def find_preset(kind: str, name: str) -> Path:
    """The file of a preset: by its name, or by the path of a YAML file.

    Raises:
        PresetNotFound: there is none; close names are named.
    """
    if name.endswith((".yaml", ".yml")):
        if Path(name).is_file():
            return Path(name)
        raise PresetNotFound(f"{name}: no such preset file")
    for folder in _preset_folders(kind):
        if (folder / f"{name}.yaml").is_file():
            return folder / f"{name}.yaml"
    known = list(presets(kind))
    raise PresetNotFound(
        f"unknown {kind} preset {name!r}{did_you_mean(name, known)}",
        hint=f"known presets: {', '.join(known)}; or give the path of a YAML file",
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """The keys and values of a YAML file.

    Raises:
        ConfigError: it is missing, no YAML, or holds no mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such configuration file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a valid YAML file: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected keys and values, found {type(content).__name__}")
    return content


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys as dotted ones.

    >>> flatten({"augment": {"mosaic": 0.5}, "epochs": 3})
    {'augment.mosaic': 0.5, 'epochs': 3}
    """
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as nested ones; undoes `flatten`."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, last = key.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return nested


def _check_key(schema: type, key: str, source: str) -> None:
    known = flatten_schema(schema)
    if key not in known:
        raise ConfigError(
            f"unknown key {key!r} ({source}){did_you_mean(key, known)}", hint=f"known keys: {', '.join(known)}"
        )
