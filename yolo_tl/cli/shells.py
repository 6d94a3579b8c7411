"""How shells ask for completions; importing this makes it known to click."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, ShellComplete, add_completion_class, get_completion_class

NAMES = ("bash", "zsh", "fish")
PROGRAM = "yolo-tl"
VARIABLE = "_YOLO_TL_COMPLETE"  # click derives it from the name of the program


class BashWords(BashComplete):
    """Bash hands over ``--preset=small`` as three words: the one in the middle is left out."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The whole words before the cursor, and the part of a word at it."""
        whole, part = super().get_completion_args()
        return [word for word in whole if word != "="], part


add_completion_class(BashWords)


def script(shell: str) -> str:
    """The shell code that completes ``yolo-tl`` in bash (4.4 or newer), zsh or fish."""
    found = get_completion_class(shell)
    assert found is not None, shell
    asked: ShellComplete = found(click.Command(PROGRAM), {}, PROGRAM, VARIABLE)
    return ShellComplete.source(asked)
