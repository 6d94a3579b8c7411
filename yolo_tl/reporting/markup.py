"""What pages are made of: sections, tables, lists of facts and of commands, values for people."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any


def section(title: str, content: str, *, about: str = "", kind: str = "") -> str:
    """Markup under a heading; nothing where there is no content.

    Args:
        title: text.
        content: markup.
        about: a sentence below the heading; text.
        kind: class names.
    """
    if not content:
        return ""
    said = f'<p class="soft">{escape(about)}</p>' if about else ""
    opening = f'<section class="{kind}">' if kind else "<section>"
    return f"{opening}<h2>{escape(title)}</h2>{said}{content}</section>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = "") -> str:
    """A table of cells that are markup already; the first one of a row is its name.

    It scrolls in itself where it is wider than the screen.
    """
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    opening = f"<thead><tr>{top}</tr></thead>" if head else ""
    return (
        f'<div class="table" tabindex="0"><table class="{kind}">{opening}<tbody>{body}</tbody></table></div>'
        if body
        else ""
    )


def said(sentences: Iterable[str], *, kind: str = "") -> str:
    """Sentences, each with a mark; text."""
    opening = f'<li class="{kind}">' if kind else "<li>"
    items = "".join(f"{opening}{escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="said">{items}</ul>' if items else ""


def commands(wanted: Iterable[tuple[str, Sequence[str]]]) -> str:
    """What each command is for, and its words, to be copied into a shell."""
    items = "".join(
        f"<dt>{escape(about)}</dt><dd><code>{escape(shlex.join(['yolo-tl', *words]))}</code></dd>"
        for about, words in wanted
    )
    return f'<dl class="commands">{items}</dl>' if items else ""


def folded(summary: str, content: str) -> str:
    """Content that is seen after a click; `summary` is text."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def picture(content: bytes, alt: str, *, size: tuple[int, int] | None = None) -> str:
    """A JPEG that travels inside the page.

    Args:
        content: the file.
        alt: what it shows; text.
        size: width and height in px, so that the page does not jump.
    """
    sides = f' width="{size[0]}" height="{size[1]}"' if size else ""
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(content).decode()}"{sides} alt="{escape(alt)}">'


def embedded(name: str, value: Any) -> str:
    """A value for a script of the page, which finds it by the id `name`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):  # no end of the script inside it
        text = text.replace(char, code)
    return f'<script type="application/json" id="{name}">{text}</script>'


def span(interval: Sequence[float] | None, sign: str = "") -> str:
    """An interval as the end of a sentence; empty where there is none.

    >>> span([0.1, 0.25]), span(None)
    (', 95 % interval 0.100 to 0.250', '')
    """
    return f", 95 % interval {interval[0]:{sign}.3f} to {interval[1]:{sign}.3f}" if interval else ""


def number(value: float | None, form: str = ".3f") -> str:
    """A number, or a dash where it cannot be measured.

    >>> number(0.5), number(None), number(float("nan"))
    ('0.500', '–', '–')
    """
    return "–" if value is None or value != value else f"{value:{form}}"


def shown(value: Any) -> str:
    """A value for people.

    >>> shown(None), shown(True), shown(0.0100), shown([1, 2]), shown(12000)
    ('–', 'yes', '0.01', '1, 2', '12,000')
    """
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value) or "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {shown(item)}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
