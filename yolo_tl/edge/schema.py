"""JSON Schema (draft 2020-12), as much of it as the manifest's schema uses.

The device reads the very schema that is shipped, so that code and schema cannot drift apart. Keywords that are not
known here are an error of this package, never silently skipped.
Source: https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from functools import cache
from pathlib import Path
from typing import Any

Keywords = Mapping[str, Any]
Schema = Keywords | bool
Problems = Iterator[tuple[str, str]]

_KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "object": ("an object", lambda v: isinstance(v, dict)),
    "array": ("a list", lambda v: isinstance(v, list)),
    "string": ("text", lambda v: isinstance(v, str)),
    "boolean": ("true or false", lambda v: isinstance(v, bool)),
    "null": ("null", lambda v: v is None),
    "number": ("a number", lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)),
    # 1.0 is an integer in JSON Schema, true is none.
    "integer": ("an integer", lambda v: not isinstance(v, bool) and (isinstance(v, int) or _is_whole(v))),
}
_NOTES = {"$schema", "$id", "$defs", "title", "description"}


@cache
def load_schema(name: str) -> Keywords:
    """A schema that lies beside this file, read when it is first needed."""
    schema: Keywords = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return schema


def problems(value: Any, schema: Schema, *, root: Schema | None = None, place: str = "") -> Problems:
    """What does not fit, as pairs of a dotted place and a sentence; nothing where all fits.

    Args:
        value: what `json.loads` returned.
        schema: what it must fit.
        root: the document that references point into; `schema` itself by default.
        place: dotted path of `value`.
    """
    if isinstance(schema, bool):
        if not schema:
            yield place, "expected no such key"
        return
    root = schema if root is None else root
    for keyword, rule in schema.items():
        if keyword in _NOTES or keyword in ("then", "else"):
            continue
        if keyword == "$ref":
            yield from problems(value, _referred(root, rule), root=root, place=place)
        elif keyword == "if":
            branch = "else" if any(problems(value, rule, root=root, place=place)) else "then"
            yield from problems(value, schema.get(branch, {}), root=root, place=place)
        elif keyword in _NESTED:
            yield from _NESTED[keyword](value, schema, root, place)
        else:
            expected = _PLAIN[keyword](value, rule)
            if expected is not None:
                yield place, f"expected {expected}, found {shown(value)}"


def shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _referred(root: Schema, reference: str) -> Schema:
    schema: Any = root
    for key in reference.removeprefix("#/").split("/"):
        schema = schema[key]
    found: Schema = schema
    return found


def _properties(value: Any, schema: Keywords, root: Schema, place: str) -> Problems:
    if isinstance(value, dict):
        for key, rule in schema["properties"].items():
            if key in value:
                yield from problems(value[key], rule, root=root, place=_join(place, key))


def _additional(value: Any, schema: Keywords, root: Schema, place: str) -> Problems:
    if not isinstance(value, dict):
        return
    known = schema.get("properties", {})
    for key in value:
        if key not in known:
            yield from problems(value[key], schema["additionalProperties"], root=root, place=_join(place, key))


def _required(value: Any, schema: Keywords, root: Schema, place: str) -> Problems:
    if isinstance(value, dict):
        for key in schema["required"]:
            if key not in value:
                yield _join(place, key), "expected a value, found nothing"


def _names(value: Any, schema: Keywords, root: Schema, place: str) -> Problems:
    if isinstance(value, dict):
        for key in value:
            yield from problems(key, schema["propertyNames"], root=root, place=_join(place, key))


def _items(value: Any, schema: Keywords, root: Schema, place: str) -> Problems:
    if isinstance(value, list):
        start = len(schema.get("prefixItems", ()))
        for number, item in enumerate(value[start:], start):
            yield from problems(item, schema["items"], root=root, place=f"{place}[{number}]")


def _first_items(value: Any, schema: Keywords, root: Schema, place: str) -> Problems:
    if isinstance(value, list):
        for number, (item, rule) in enumerate(zip(value, schema["prefixItems"], strict=False)):
            yield from problems(item, rule, root=root, place=f"{place}[{number}]")


_NESTED: Mapping[str, Callable[[Any, Keywords, Schema, str], Problems]] = {
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "propertyNames": _names,
    "items": _items,
    "prefixItems": _first_items,
}


def _type(value: Any, rule: str | Sequence[str]) -> str | None:
    kinds = [rule] if isinstance(rule, str) else rule
    fits = any(_KINDS[kind][1](value) for kind in kinds)
    return None if fits else " or ".join(_KINDS[kind][0] for kind in kinds)


def _unique(value: Any, rule: bool) -> str | None:
    if not rule or not isinstance(value, list):
        return None
    seen = [json.dumps(_canonical(item), sort_keys=True) for item in value]
    return None if len(seen) == len(set(seen)) else "every entry once"


def _sized(kind: type[Sized], fits: Callable[[int, int], bool], words: str) -> Callable[[Any, int], str | None]:
    return lambda value, rule: words.format(rule) if isinstance(value, kind) and not fits(len(value), rule) else None


def _bounded(fits: Callable[[float, float], bool], words: str) -> Callable[[Any, float], str | None]:
    return lambda value, rule: words.format(rule) if _KINDS["number"][1](value) and not fits(value, rule) else None


_PLAIN: Mapping[str, Callable[[Any, Any], str | None]] = {
    "type": _type,
    "const": lambda value, rule: None if _equal(value, rule) else shown(rule),
    "enum": lambda value, rule: (
        None if any(_equal(value, item) for item in rule) else "one of " + ", ".join(map(shown, rule))
    ),
    "pattern": lambda value, rule: (
        f"text like {rule}" if isinstance(value, str) and not re.search(rule, value) else None
    ),
    "uniqueItems": _unique,
    "minItems": _sized(list, lambda size, rule: size >= rule, "at least {} entries"),
    "maxItems": _sized(list, lambda size, rule: size <= rule, "at most {} entries"),
    "minLength": _sized(str, lambda size, rule: size >= rule, "at least {} characters"),
    "minProperties": _sized(dict, lambda size, rule: size >= rule, "at least {} keys"),
    "minimum": _bounded(lambda value, rule: value >= rule, "at least {}"),
    "maximum": _bounded(lambda value, rule: value <= rule, "at most {}"),
    "exclusiveMinimum": _bounded(lambda value, rule: value > rule, "more than {}"),
}


def _equal(a: Any, b: Any) -> bool:
    """Equal as JSON: 1 is 1.0, and true is not 1."""
    return bool(_canonical(a) == _canonical(b))


def _canonical(value: Any) -> Any:
    """The value with every boolean marked, for Python takes true for 1; and whole numbers as integers."""
    if isinstance(value, bool):
        return ["boolean", str(value)]
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return ["list", *map(_canonical, value)]
    return int(value) if _is_whole(value) else value


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
