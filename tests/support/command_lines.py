"""Command lines as a user types them, parsed and not run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click

from yolo_tl.cli.main import COMMANDS, main


def commands() -> Iterator[tuple[str, click.Command]]:
    """The program and every command and subcommand, each with the words that begin its line."""
    yield "yolo-tl", main
    context = click.Context(main, info_name="yolo-tl")
    for name in COMMANDS:
        found = main.get_command(context, name)
        assert found is not None
        yield f"yolo-tl {name}", found
        if isinstance(found, click.Group):
            yield from ((f"yolo-tl {name} {sub}", command) for sub, command in found.commands.items())


def parse(line: str) -> click.Context:
    """The innermost context of a line that begins with ``yolo-tl``; what it is redirected to is left out.

    Raises:
        click.UsageError: the command line cannot mean anything.
    """
    program, *words = shlex.split(line)
    assert program == "yolo-tl", line
    if ">" in words:
        words = words[: words.index(">")]
    command: click.Command = main
    context = click.Context(command, info_name=program)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None, line
        try:
            context = found.make_context(name, words, parent=context)
        except click.exceptions.Exit:  # an option such as --help, which has answered
            return click.Context(found, info_name=name, parent=context)
        command, words = found, [*context._protected_args, *context.args]
    return context
