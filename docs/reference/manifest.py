"""The page of a bundle's manifest, from the JSON Schema that devices check it with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yolo_tl.edge
from reference.markdown import code, fenced, table, text

SCHEMA = Path(yolo_tl.edge.__file__).with_name("manifest.schema.json")
PAGE = "reference/manifest.md"


def pages() -> dict[str, str]:
    """One page: every key, and the schema itself."""
    content = SCHEMA.read_text("utf-8")
    schema = json.loads(content)
    parts = ["# Manifest of a bundle", f"{text(schema['title'])}. {text(schema['description'])}"]
    parts += ["## Keys", *_sections(schema, schema["$defs"])]
    parts += [
        "## Schema",
        "This file is in the package, as `yolo_tl/edge/manifest.schema.json`.",
        fenced(content, "json"),
    ]
    return {PAGE: "\n\n".join(parts) + "\n"}


def _sections(schema: dict[str, Any], known: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The keys of an object as a table, then the objects it holds."""
    required = schema.get("required", [])
    rows, below = [], []
    for key, given in schema["properties"].items():
        value = _resolved(given, known)
        about = given.get("description", value.get("description", ""))
        rows.append((code(prefix + key), "yes" if key in required else "", _kind(value, known), text(about)))
        if "properties" in value:
            below.append((f"{prefix}{key}.", value))
    if prefix:
        yield f"### {prefix.rstrip('.')}"
    yield table(("key", "required", "values", "meaning"), rows)
    for path, value in below:
        yield from _sections(value, known, path)


def _resolved(value: Any, known: dict[str, Any]) -> dict[str, Any]:
    resolved: dict[str, Any] = known[value["$ref"].rpartition("/")[2]] if "$ref" in value else value
    return resolved


def _kind(value: dict[str, Any], known: dict[str, Any]) -> str:
    """What a value may be, in words."""
    if "const" in value:
        return code(json.dumps(value["const"]))
    if "enum" in value:
        return ", ".join(code(json.dumps(choice)) for choice in value["enum"])
    kinds = value.get("type", "anything")
    said = " or ".join(kinds) if isinstance(kinds, list) else kinds
    if "prefixItems" in value:
        return f"{said}: " + "; ".join(_kind(_resolved(item, known), known) for item in value["prefixItems"])
    if "items" in value:
        said += f" of {_kind(_resolved(value['items'], known), known)}"
    elif isinstance(value.get("additionalProperties"), dict):
        said += f", each {_kind(_resolved(value['additionalProperties'], known), known)}"
    limits = [f"{word} {value[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in value]
    limits += [f"matches {code(value['pattern'])}"] if "pattern" in value else []
    return " ".join([said, *limits])
