"""The options of commands that read annotations: one for each field of `ReadOptions`."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click
import yaml

from yolo_tl.cli.choice import Choice
from yolo_tl.cli.names import words
from yolo_tl.data.options import ReadOptions
from yolo_tl.errors import ConfigError

Command = TypeVar("Command", bound=Callable[..., Any])

WAYS = "regex:PATTERN, csv:FILE, folder, folder:N, roboflow, tiles, frames or auto"
group_by_option = click.option(
    "--group-by",
    metavar="HOW",
    shell_complete=words(("roboflow", "folder", "tiles", "frames", "auto", "regex:", "csv:")),
    multiple=True,
    default=("roboflow",),
    show_default=True,
    help=f"Images that belong together: {WAYS}. Can be repeated.",
)


def reading_options(function: Command) -> Command:
    """The command receives them together as ``options``, a `ReadOptions`."""
    hints = typing.get_type_hints(ReadOptions)

    def run(**values: Any) -> Any:
        given = {f.name: values.pop(f.name) for f in fields(ReadOptions)}
        given["names"] = parse_names(given["names"])
        given = {key: value for key, value in given.items() if value not in (None, ())}
        return function(options=ReadOptions(**given), **values)

    run.__doc__ = function.__doc__
    run.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    decorated = run
    for field in reversed(fields(ReadOptions)):
        decorated = click.option(
            f"--{field.name.replace('_', '-')}",
            field.name,
            help=field.metadata["help"]
            + ("" if field.default in (None, "", (), False) else f"  [default: {field.default}]"),
            **_kind(hints[field.name], field.name),
        )(decorated)
    return typing.cast(Command, decorated)


def _kind(hint: Any, name: str) -> dict[str, Any]:
    if name == "names":
        return {"metavar": "A,B | TOKEN=NAME,... | FILE"}
    if typing.get_origin(hint) is typing.Literal:
        return {"type": Choice(list(typing.get_args(hint)))}
    if hint is bool:
        return {"is_flag": True, "default": None}
    if hint in (int, float, str):
        return {"type": hint}
    if hint == Path | None:
        return {"type": click.Path(path_type=Path)}
    return {"multiple": True}


def parse_names(text: str | None) -> list[str] | dict[str, str] | None:
    """Class names: ``a,b,c``, a map ``1=open,2=short``, or a file (a name a line, or YAML).

    >>> parse_names("1=open, 2=short")
    {'1': 'open', '2': 'short'}
    """
    if text is None:
        return None
    if Path(text).is_file():
        content = Path(text).read_text(encoding="utf-8")
        found: Any = yaml.safe_load(content) if text.endswith((".yaml", ".yml")) else content.split("\n")
        if isinstance(found, dict) and "names" in found:
            found = found["names"]
        if isinstance(found, dict):
            return {str(key): str(name) for key, name in found.items()}
        return [str(name).strip() for name in found if str(name).strip()]
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    mapped = [entry for entry in entries if "=" in entry]
    if mapped and len(mapped) < len(entries):
        raise ConfigError(f"--names {text}: expected either names or TOKEN=NAME pairs, found both")
    if mapped:
        return {key.strip(): name.strip() for key, _, name in (entry.partition("=") for entry in entries)}
    return entries


def parse_ratios(text: str) -> tuple[float, float, float]:
    """``0.8,0.2`` or ``0.7,0.2,0.1`` → shares of train, val and test."""
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    if len(shares) not in (2, 3):
        raise ConfigError(f"--ratios {text}: expected two or three numbers", hint="for example 0.8,0.2 or 0.7,0.2,0.1")
    train, val, test = [*shares, 0.0][:3]
    return train, val, test
