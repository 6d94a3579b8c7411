"""Rules from a preset, a file, or the first line of a log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolo_tl.errors import ConfigError
from yolo_tl.inspection.rules import Rules
from yolo_tl.presets import flatten, resolve

KIND = "rules"
"""Folder of the presets in ``configs``."""


def load_rules(name: str | Path, *, overrides: Mapping[str, Any] | None = None) -> Rules:
    """Read rules.

    Args:
        name: a preset of ``configs/rules``, or the path of a YAML file, which may say ``extends:``.
        overrides: dotted keys to values, which are stronger.

    Raises:
        ConfigError: no such file, an unknown key (names the closest), a value of the wrong type or range.
        PresetNotFound: no preset of that name.
    """
    text = str(name)
    file = text if text.endswith((".yaml", ".yml")) else None
    try:
        return resolve(Rules, kind=KIND, preset=None if file else text, file=file, overrides=overrides).config
    except ConfigError as error:
        place = file or f"rules {text}"
        if place in error.message:
            raise
        raise ConfigError(f"{place}: {error.message}", hint=error.hint) from error


def rules_from_dict(content: Mapping[str, Any]) -> Rules:
    """What `Rules.to_dict` wrote.

    Raises:
        ConfigError: it is of another form.
    """
    return resolve(Rules, kind=KIND, overrides=flatten(content)).config
