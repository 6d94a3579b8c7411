"""Colours stand on a terminal and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from yolo_tl.cli.terminal import coloured

SAYS = """
import click
from yolo_tl.cli.command import Command
from yolo_tl.cli.terminal import next_step, say, show
from yolo_tl.errors import did_you_mean

@click.command(cls=Command)
def command():
    show("PASS a.png\\nFAIL b.png: 1 scratch\\nUNKNOWN c.png: late\\nruns/PASS.txt")
    say("warning: few images")
    next_step("check", "my parts")
    raise click.UsageError("enough")

from yolo_tl.cli import main
main.get_command = lambda ctx, name: command
main(["sample"])
"""
GREEN, RED, YELLOW = (f"\x1b[{number}m\x1b[1m" for number in (32, 31, 33))


def on_a_terminal(**environment: str) -> str:
    """What the program writes to a terminal, stdout and stderr."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    ended = subprocess.Popen(
        [sys.executable, "-c", SAYS],
        stdout=theirs,
        stderr=theirs,
        env={**_plain(), "TERM": "xterm", **environment},
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux: the other end was closed
            part = b""
        if not part:
            break
        written += part
    os.close(ours)
    assert ended.wait() == 2
    return written.decode().replace("\r\n", "\n")


def _plain() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "TERM")}


def test_verdicts_warnings_and_errors_are_coloured() -> None:
    text = on_a_terminal()
    for colour, word in ((GREEN, "PASS"), (RED, "FAIL"), (YELLOW, "UNKNOWN"), (YELLOW, "warning"), (RED, "error")):
        assert f"{colour}{word}\x1b[0m" in text, word
    assert "\nruns/PASS.txt\n" in text
    assert "yolo-tl check 'my parts'\n" in text


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_the_environment_can_ask_for_none(environment: dict[str, str]) -> None:
    text = on_a_terminal(**environment)
    assert "\x1b" not in text
    assert "FAIL b.png: 1 scratch\n" in text
    assert "error: enough\n" in text


def test_an_empty_wish_is_none() -> None:
    assert "\x1b" in on_a_terminal(NO_COLOR="")


def test_none_in_pipes_and_files(tmp_path: Path) -> None:
    with (tmp_path / "out.txt").open("w") as out:
        done = subprocess.run(
            [sys.executable, "-c", SAYS], stdout=out, stderr=subprocess.PIPE, text=True, env=_plain(), check=False
        )
    assert (tmp_path / "out.txt").read_text().startswith("PASS a.png\nFAIL b.png")
    assert "\x1b" not in (tmp_path / "out.txt").read_text() + done.stderr
    assert "next: yolo-tl check 'my parts'\n" in done.stderr
    assert "error: enough\n" in done.stderr


@pytest.mark.parametrize("text", ["BYPASS", "a-FAIL", "PASS/a.png", "passed by the owner", "no warning: none"])
def test_words_within_others_are_left_alone(text: str) -> None:
    assert coloured(text) == text


@pytest.mark.parametrize("text", ["passed", "model DISAGREES with it", "FAIL: 1", "UNVERIFIED: no runtime"])
def test_words_alone_are_coloured(text: str) -> None:
    assert coloured(text) != text


@pytest.mark.parametrize(("line", "logged"), [("sample", "of another\n"), ("--quiet sample", ""), ("sample -q", "")])
def test_what_other_packages_log_is_not_heard_quietly(line: str, logged: str) -> None:
    """In a process of its own: pytest has set up logging here."""
    code = (
        "import click, logging\nfrom yolo_tl.cli import main\nfrom yolo_tl.cli.command import Command\n"
        "@click.command(cls=Command)\ndef command(): logging.getLogger('another').warning('of another')\n"
        f"main.get_command = lambda ctx, name: command\nmain({line.split()!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == logged
