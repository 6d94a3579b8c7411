"""``yolo-tl completion``: what a shell needs to complete commands, options and names."""

from __future__ import annotations

import click

from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import emit_json, json_option
from yolo_tl.cli.shells import NAMES, script
from yolo_tl.cli.terminal import say

_KEPT = {
    "bash": "~/.local/share/bash-completion/completions/yolo-tl",
    "zsh": "a file _yolo-tl in a folder of $fpath",
    "fish": "~/.config/fish/completions/yolo-tl.fish",
}


@click.command(
    "completion",
    cls=Command,
    examples=[
        (
            "yolo-tl completion bash > ~/.local/share/bash-completion/completions/yolo-tl",
            "bash, from the next start on",
        ),
        ("yolo-tl completion zsh > ~/.zfunc/_yolo-tl", "zsh, where ~/.zfunc is in $fpath"),
        ("yolo-tl completion fish > ~/.config/fish/completions/yolo-tl.fish", "fish"),
    ],
)
@click.argument("shell", type=Choice(NAMES))
@json_option
def command(shell: str, as_json: bool) -> None:
    """Print the script with which SHELL (bash, zsh or fish) completes commands, options, presets, weights and paths.

    The script asks yolo-tl itself, which imports neither torch nor OpenCV to answer.
    """
    found = script(shell)
    if as_json:
        emit_json({"shell": shell, "script": found})
        return
    click.echo(found, nl=False)
    say(f"put it into {_KEPT[shell]}")
