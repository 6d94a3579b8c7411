"""What a command says: results on stdout, all else on stderr, colours on a terminal only."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import click

QUIET = "yolo_tl.quiet"  # in `click.Context.meta`, which a group shares with its commands

_COLOURS = {
    "green": ("PASS", "passed"),
    "red": ("FAIL", "FAILED", "BROKEN", "DISAGREES"),
    "yellow": ("UNKNOWN", "UNVERIFIED", "warning"),
}
_WORDS = {word: colour for colour, words in _COLOURS.items() for word in words}
# A verdict is a word in capitals that stands alone, or all that a line says.
_VERDICT = re.compile(
    rf"(?<![\w./\\-])(?:{'|'.join(word for word in _WORDS if word.isupper())})(?![\w./\\-])|^passed$|^warning(?=: )",
    re.MULTILINE,
)


def coloured(text: str) -> str:
    """The text with its verdicts in colour: PASS green, FAIL red, UNKNOWN and ``warning:`` yellow.

    >>> coloured("FAIL belt.mp4#12") == click.style("FAIL", fg="red", bold=True) + " belt.mp4#12"
    True
    >>> coloured("runs/PASS.txt")
    'runs/PASS.txt'
    """
    return _VERDICT.sub(lambda found: click.style(found[0], fg=_WORDS[found[0]], bold=True), text)


def colourless() -> bool:
    """Whether the environment asks for no colours: NO_COLOR (see no-color.org), or a terminal that has none."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def show(text: str) -> None:
    """Print a result on stdout; click takes the colours out where that is no terminal."""
    click.echo(coloured(text))


def say(text: str) -> None:
    """Print what is not the result on stderr; nothing with ``--quiet``."""
    if not quiet():
        click.echo(coloured(text), err=True)


def warn(text: str) -> None:
    """Print a warning of this package on stderr, with ``--quiet``, too."""
    click.echo(coloured(f"warning: {text}"), err=True)


def next_step(*words: object) -> None:
    """Name the command to type next, on stderr: quoted, so that it works as printed.

    Nothing with ``--quiet``, and nothing with ``--json``, where a program reads.
    """
    context = click.get_current_context(silent=True)
    if quiet() or (context is not None and context.params.get("as_json")):
        return
    click.echo(f"{click.style('next', bold=True)}: yolo-tl {shlex.join(map(str, words))}", err=True)


def next_export(model: object, data: object, bundle: Path, *words: object) -> None:
    """After a model was scored comes its export; where that was done, the self-test."""
    if bundle.exists():
        next_step("selftest", bundle)
    else:
        next_step("export", model, "--data", data, "--out", bundle, *words)


def fail(message: str, hint: str = "", *, colour: bool | None = None) -> None:
    """Print an error on stderr, and below it what to do about it."""
    click.echo(f"{click.style('error', fg='red', bold=True)}: {message}", err=True, color=colour)
    if hint:
        click.echo("\n".join(f"  {line}" for line in hint.splitlines()), err=True, color=colour)


def quiet() -> bool:
    """Whether ``--quiet`` was given, before the command or after it."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET))
