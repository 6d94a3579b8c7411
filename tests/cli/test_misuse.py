"""A command line that cannot mean anything: one form of message, with what was meant."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from yolo_tl.cli import main
from yolo_tl.cli.sample import command as sample


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("convrt a b", "unknown command 'convrt'; did you mean 'convert'?", "yolo-tl --help lists the commands"),
        ("bundle dif a b", "unknown command 'dif'; did you mean 'diff'?", "yolo-tl bundle --help lists the commands"),
        ("train d --epoch 3", "unknown option '--epoch'; did you mean '--epochs'?", "yolo-tl train --help lists"),
        ("--quite train", "unknown option '--quite'; did you mean '--quiet'?", "yolo-tl --help lists the options"),
        ("train d -x", "unknown option '-x'\n", "yolo-tl train --help lists the options"),
        ("evaluate a b --head nms", "unknown value 'nms' of --head; did you mean 'nms-free'?", "known values: auto, "),
        ("completion bsh", "unknown value 'bsh' of SHELL; did you mean 'bash'?", "known values: bash, zsh, fish"),
        ("train d", "missing option '--weights'", "say --weights yolo26n.pt"),
        ("inspect a b", "missing option '--rules'", "say --rules default"),
        ("convert a", "missing argument 'OUT'", "usage: yolo-tl convert [OPTIONS] SOURCE OUT"),
        ("sample a b", "got unexpected extra argument (b)", "yolo-tl sample --help says more"),
        ("sample a --images many", "invalid value for '--images': 'many' is not a valid integer", "usage: "),
        ("replay log --set a=1", "--set: expected --rules with it", ""),
    ],
)
def test_misuse_is_told_in_one_form(line: str, message: str, hint: str) -> None:
    done = CliRunner().invoke(main, line.split(), prog_name="yolo-tl")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {message}"), done.stderr
    assert not hint or f"\n  {hint}" in done.stderr
    assert "Traceback" not in done.stderr


def test_misuse_is_told_without_the_group_too() -> None:
    done = CliRunner().invoke(sample, ["--format", "vic", "x"])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: unknown value 'vic' of --format; did you mean 'voc'?\n")


def test_the_program_alone_shows_its_help() -> None:
    done = CliRunner().invoke(main, [])
    assert "To begin:" in done.output
    assert "error:" not in done.stderr
