"""Options that commands share, and those that come from a configuration dataclass."""

from __future__ import annotations

import json
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import click
import yaml

from yolo_tl.cli.choice import Choice
from yolo_tl.cli.names import PresetName, WeightsName, words
from yolo_tl.config import to_mapping
from yolo_tl.presets import parse_assignment

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout; all else on stderr.")
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what the output folder holds.")
trust_option = click.option("--trust", is_flag=True, help="Load a checkpoint that asks for foreign classes.")
set_option = click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Set any configuration field, e.g. a.b=1."
)

# What a run starts from, and by which recipe.
weights_option = click.option(
    "--weights",
    "-w",
    required=True,
    type=WeightsName(),
    help="Checkpoint path or name, or an architecture YAML for scratch.",
)
preset_option = click.option(
    "--preset",
    "-p",
    default="small-data",
    show_default=True,
    type=PresetName("train"),
    help="Named recipe, or a YAML file.",
)
config_option = click.option("--config", type=click.Path(), help="YAML file of your own, stronger than the preset.")
rules_name = PresetName(
    "rules", "rules", "say --rules default (any object is a FAIL), another of configs/rules, or a YAML file of yours"
)

# How a checkpoint is run on the images of a split.
imgsz_option = click.option("--imgsz", type=int, help="Side of the square input, px; default: as trained.")
batch_option = click.option("--batch", type=int, default=16, show_default=True, help="Images per forward pass.")
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or a CUDA index.")
head_option = click.option(
    "--head",
    type=Choice(["auto", "one-to-many", "nms-free"]),
    default="auto",
    show_default=True,
    help="Which head of a two-headed network; auto: the one it was selected on.",
)

# How a bundle is run on a device.
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), help="CPU threads of the engine; default: its own choice."
)
engine_option = click.option(
    "--engine",
    type=Choice(["auto", "onnxruntime", "openvino"]),
    default="auto",
    show_default=True,
    help="What runs the model; auto: what its file is for. OpenVINO reads ONNX files, too.",
)

# How its intervals are made.
near_duplicates_option = click.option(
    "--near-duplicates/--no-near-duplicates",
    default=True,
    show_default=True,
    help="Look for near-duplicates and resample them together.",
)
resamples_option = click.option("--resamples", type=int, default=1000, show_default=True, help="Bootstrap resamples.")
bootstrap_seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")


def config_options(schema: type, *, leave_out: Iterable[str] = ()) -> Callable[[Command], Command]:
    """An option for each plain field of a configuration dataclass, with its help and default.

    The command receives them together as ``overrides``, a mapping of what was given.
    """
    hints = typing.get_type_hints(schema)
    chosen = [f for f in fields(schema) if not is_dataclass(hints[f.name]) and f.name not in leave_out]

    def decorate(function: Command) -> Command:
        def run(**values: Any) -> Any:
            given = {f.name: _read(values.pop(f.name)) for f in chosen if values[f.name] is not None}
            for f in chosen:
                values.pop(f.name, None)
            given.update(parse_assignment(text) for text in values.pop("assignments"))
            return function(overrides=given, **values)

        run.__doc__ = function.__doc__
        run.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        decorated = set_option(run)
        for f in reversed(chosen):
            default = "" if f.default is None or str(f.default) in f.metadata["help"] else f"  [default: {f.default}]"
            name = f"--{f.name.replace('_', '-')}"
            decorated = click.option(
                name,
                f.name,
                metavar="VALUE",
                help=f.metadata["help"] + default,
                shell_complete=words(_literals(hints[f.name])),
            )(decorated)
        return typing.cast(Command, decorated)

    return decorate


def recipe_words(*, overrides: Mapping[str, Any], preset: str = "", config: str | None = None, **_: Any) -> list[str]:
    """The options that say the same again to another command.

    >>> recipe_words(preset="plain", overrides={"epochs": 3, "augment.mosaic": 0.5})
    ['--preset', 'plain', '--set', 'epochs=3', '--set', 'augment.mosaic=0.5']
    """
    named = (("--preset", preset), ("--config", config))
    words = [word for flag, value in named if value for word in (flag, value)]
    for key, value in overrides.items():
        words += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return words


def emit_json(value: Any) -> None:
    """One JSON object on stdout."""
    json.dump(to_mapping(value), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def table(rows: Iterable[Iterable[Any]], header: Iterable[str]) -> str:
    """Columns aligned for reading; numbers to the right.

    >>> print(table([("RBC", 0.5)], ("class", "AP")))
    class     AP
    RBC    0.500
    """
    cells = [[f"{c:.3f}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    head = list(header)
    widths = [max(len(row[i]) for row in [head, *cells]) for i in range(len(head))]
    numeric = [bool(cells) and all(_is_number(row[i]) for row in cells) for i in range(len(head))]
    lines = [
        "  ".join(
            c.rjust(w) if right else c.ljust(w) for c, w, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in [head, *cells]
    ]
    return "\n".join(lines)


def counts(mapping: Mapping[str, int]) -> str:
    """``{"train": 3, "val": 1}`` → ``train 3, val 1``."""
    return ", ".join(f"{key} {value}" for key, value in mapping.items()) or "none"


def _literals(hint: Any) -> list[str]:
    """The words that a field takes, of a type such as ``Literal["a", "b"] | None``."""
    if typing.get_origin(hint) is typing.Literal:
        return list(map(str, typing.get_args(hint)))
    return [word for part in typing.get_args(hint) for word in _literals(part)]


def _read(text: str) -> Any:
    """An option's text as YAML reads it, so ``10``, ``1e-3`` and ``[0, 1]`` mean what they say."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True
