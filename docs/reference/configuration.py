"""The pages of configuration: every field from its dataclass, every preset from its file."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from reference.markdown import code, fenced, table, text
from yolo_tl.config import ExportConfig, TrainConfig
from yolo_tl.data.options import ReadOptions
from yolo_tl.evaluation.inspection.contract import InspectionContract
from yolo_tl.inspection.rules import Rules
from yolo_tl.streams.options import StreamOptions

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FOLDER = "reference/configuration"


@dataclass(frozen=True)
class Kind:
    """A page: what is configured, by which dataclass, and where its presets lie."""

    title: str
    about: str
    schema: type | None = None
    presets: str = ""


KINDS = {
    "train": Kind(
        "Training",
        "What `plan` and `train` are asked. A field left at `null` is planned: the plan decides, and says why.",
        TrainConfig,
        "train",
    ),
    "augment": Kind(
        "Augmentation pipelines", "Names for `augment.pipeline`: Albumentations, in order.", None, "augment"
    ),
    "export": Kind("Export", "What `export` is asked.", ExportConfig, "export"),
    "contract": Kind("Inspection contract", "What `qualify` judges a model by.", InspectionContract, "inspect"),
    "rules": Kind("Inspection rules", "What `inspect` asks of a picture.", Rules, "rules"),
    "reading": Kind("Reading annotations", "What `convert` and `check` are told of a source, as options.", ReadOptions),
    "streams": Kind("Streams", "How `yolo_tl.inspect` keeps a stream of pictures.", StreamOptions),
}


def pages() -> dict[str, str]:
    """How values are found, and a page for each kind."""
    rows = [(f"[{kind.title}]({name}.md)", text(kind.about)) for name, kind in KINDS.items()]
    first = [
        "# Configuration",
        "Values are found in this order, the last one wins: the defaults, the preset (`--preset`, itself built on the "
        "one it `extends`), a YAML file of your own (`--config`), options and `--set KEY=VALUE`. An unknown key is an "
        "error that names the closest one. A preset is a name in the folder `configs/` of the working folder or of "
        "this package, or the path of a YAML file.",
        table(("page", "what it configures"), rows),
    ]
    made = {f"{FOLDER}/index.md": "\n\n".join(first) + "\n"}
    return made | {f"{FOLDER}/{name}.md": "\n\n".join(_page(kind)) + "\n" for name, kind in KINDS.items()}


def _page(kind: Kind) -> Iterator[str]:
    yield f"# {kind.title}"
    yield text(kind.about)
    if kind.schema:
        yield "## Fields"
        yield from sections(kind.schema)
    if kind.presets:
        yield "## Presets"
    for file in sorted((CONFIGS / kind.presets).glob("*.yaml")) if kind.presets else ():
        content = file.read_text("utf-8")
        yield f"### {file.stem}"
        yield text(str(yaml.safe_load(content)["about"])) + "."
        yield fenced(content, "yaml")


def sections(schema: type, prefix: str = "") -> Iterator[str]:
    """The fields of a dataclass as a table, then the dataclasses it holds, each under its dotted key."""
    hints = typing.get_type_hints(schema)
    if prefix:
        yield f"### {prefix.rstrip('.')}"
        yield text(" ".join(str(schema.__doc__).partition("\n\n")[0].split()))
    inner = {f.name: _inner(hints[f.name]) for f in fields(schema)}
    rows = [
        (code(prefix + f.name), kind_of(hints[f.name]), _default(f), text(str(f.metadata.get("help", ""))))
        for f in fields(schema)
        if not is_dataclass(hints[f.name])
    ]
    yield table(("key", "values", "default", "meaning"), rows)
    for f in fields(schema):
        if below := inner[f.name]:
            yield from sections(below, prefix + f.name + ("." if is_dataclass(hints[f.name]) else "[]."))


def kind_of(hint: Any) -> str:
    """A type as people say it: `int`, one of some words, a list of something."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return ", ".join("`null`" if part is type(None) else kind_of(part) for part in inside)
    if origin is typing.Literal:
        return ", ".join(code(str(value)) for value in inside)
    if origin is not None and inside:
        word = "map" if len(inside) == 2 and inside[1] is not Ellipsis else "list"
        return f"{word} of {kind_of(inside[-1] if word == 'map' else inside[0])}"
    name = getattr(hint, "__name__", str(hint))
    return {"str": "text", "bool": "yes or no", "int": "whole number", "float": "number"}.get(
        name, re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower().removesuffix(" config")
    )


def _inner(hint: Any) -> type | None:
    """The dataclass that a field holds, by itself or in a list."""
    candidates = (hint, *typing.get_args(hint))
    return next((found for found in candidates if is_dataclass(found) and isinstance(found, type)), None)


def _default(field: Any) -> str:
    if field.default is MISSING:
        return "must be given"
    value = field.default
    if isinstance(value, tuple):
        value = list(value)
    return code(yaml.safe_dump(value, default_flow_style=True).splitlines()[0])
