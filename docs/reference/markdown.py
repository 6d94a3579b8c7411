"""Markdown made from values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, of which the cells are Markdown of one line; in code a bar is a bar.

    >>> print(table(["key", "default"], [["`a|b`", "1"]]))
    | key | default |
    | --- | --- |
    | `a|b` | 1 |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(" ".join(cell.split()) for cell in row) + " |" for row in lines)


def text(words: str) -> str:
    r"""Plain text as Markdown; what stands in backticks stays code.

    >>> text("a_b < `c_d`")
    'a\\_b &lt; `c_d`'
    """
    parts = re.split(r"(`+[^`]+`+)", words)
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts)


def code(value: str) -> str:
    """`value` as code within a line."""
    mark = "``" if "`" in value else "`"
    return f"{mark}{value}{mark}"


def fenced(content: str, language: str = "") -> str:
    """A code block, whatever stands in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", content)), default=2)
    mark = "`" * (longest + 1)
    return f"{mark}{language}\n{content.rstrip()}\n{mark}\n"


def _escaped(words: str) -> str:
    return re.sub(r"([\\*_\[\]])", r"\\\1", words.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;"))
