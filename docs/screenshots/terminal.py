"""A command in a real terminal of 100 columns, and what stands there in the end as an HTML page."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from collections.abc import Container
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

COLUMNS = 100
_ROWS = 50
_NOT_COLOUR = re.compile(r"\x1b\[[?0-9;]*[A-Za-ln-z]|\x1b\][^\x07]*\x07")  # all escape sequences but SGR
_PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; display: inline-block; background: {background}; }}
pre {{ margin: 0; padding: 16px 20px; width: %dch; white-space: pre; color: {foreground};
       font: 14px/1.35 "DejaVu Sans Mono", monospace; }}
{stylesheet}
</style><pre>{code}</pre>"""


class CommandFailed(Exception):
    """A command that was to be shown ended with an unexpected exit code."""


def run(line: str, expected: Container[int] = (0,), cwd: Path | None = None) -> str:
    """What a ``yolo-tl`` command line writes to a terminal, with its colours.

    Args:
        line: as it is typed.
        expected: exit codes of a command that did what it was to show.
        cwd: folder it is run in.

    Raises:
        CommandFailed: it ended with another code.
    """
    name, *arguments = shlex.split(line)
    assert name == "yolo-tl", line
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, COLUMNS, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")}
    environment["TERM"] = "xterm-256color"
    process = subprocess.Popen(
        [sys.executable, "-m", "yolo_tl", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=cwd,
        start_new_session=True,
    )
    os.close(theirs)
    content = b""
    try:
        while block := os.read(ours, 1 << 16):
            content += block
    except OSError:  # how Linux says that nobody writes any more
        pass
    os.close(ours)
    text = content.decode("utf-8", "replace")
    if process.wait() not in expected:
        raise CommandFailed(f"{line}\nended with {process.returncode}\n{text}")
    return text


def screen(text: str) -> str:
    r"""What stands on the screen in the end: a line that was written over by a carriage return is gone.

    >>> screen("drawing  10%\rdrawing 100%\r\ndone\r\n")
    'drawing 100%\ndone'
    """
    lines = _NOT_COLOUR.sub("", text).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines).strip("\n")


def page(line: str, output: str) -> str:
    """An HTML page of a command line and what it wrote."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ ", style="green") + Text(line, style="bold"))
    console.print(Text.from_ansi(screen(output)))
    return console.export_html(theme=MONOKAI, code_format=_PAGE % COLUMNS)
