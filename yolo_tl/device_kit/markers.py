"""Environment markers of requirements, as the base install can read them: it does not have `packaging`."""

from __future__ import annotations

import ast
import operator
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

_VERSIONS = frozenset({"python_version", "python_full_version", "implementation_version"})
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def environment() -> dict[str, str]:
    """The variables of a marker for this interpreter and machine, but for ``extra``."""
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def holds(marker: str, variables: Mapping[str, str]) -> bool:
    """Whether a marker is true; it is written like a Python expression of comparisons.

    >>> holds('sys_platform == "win32" or python_version >= "3.9"', {"sys_platform": "linux", "python_version": "3.11"})
    True

    Raises:
        ValueError: it cannot be read.
    """
    # The two operators that Python lacks: `===` compares as text, `~=` allows what is compatible.
    text = re.sub(r"(\w+)\s*~=\s*([\"'])([\d.]+)\.\d+\2", _compatible, marker).replace("===", "==")
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, variables)
    except (SyntaxError, KeyError) as error:
        raise ValueError(f"expected an environment marker, found {marker!r}") from error


def _compatible(match: re.Match[str]) -> str:
    whole = match[0].replace("~=", ">=")
    return f'({whole} and {match[1]} == "{match[3]}.*")'


def _value(node: ast.expr, variables: Mapping[str, str]) -> bool:
    if isinstance(node, ast.BoolOp):
        found = (_value(part, variables) for part in node.values)
        return all(found) if isinstance(node.op, ast.And) else any(found)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compare(node.left, node.ops[0], node.comparators[0], variables)
    raise SyntaxError(ast.dump(node))


def _compare(left: ast.expr, how: ast.cmpop, right: ast.expr, variables: Mapping[str, str]) -> bool:
    a, b = (_text(side, variables) for side in (left, right))
    named = {side.id for side in (left, right) if isinstance(side, ast.Name)}
    if not named & _VERSIONS or isinstance(how, (ast.In, ast.NotIn)):
        return _COMPARISONS[type(how)](a, b)
    if b.endswith(".*"):
        length = b.count(".")
        return _COMPARISONS[type(how)](_numbers(a)[:length], _numbers(b[:-2])[:length])
    return _COMPARISONS[type(how)](_numbers(a), _numbers(b))


def _text(node: ast.expr, variables: Mapping[str, str]) -> str:
    if isinstance(node, ast.Name):
        return variables[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise SyntaxError(ast.dump(node))


def _numbers(version: str) -> tuple[int, ...]:
    """``3.11.7`` and ``3.11.7rc1`` → (3, 11, 7, 0); padded, so that 3.11 equals 3.11.0."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    if found is None:
        raise SyntaxError(version)
    parts = [int(part) for part in found[0].split(".")]
    return tuple(parts + [0] * (4 - len(parts)))
