"""A command line that cannot mean anything, in the words in which this package tells errors."""

from __future__ import annotations

from typing import IO, Any

import click

from yolo_tl.cli.terminal import fail
from yolo_tl.errors import did_you_mean


class Misuse(click.UsageError):
    """A command, option or value that is not known, or one that is missing; exit code 2.

    Args:
        message: what was found.
        hint: what is known, or how the command is used.
        context: of the command.
    """

    def __init__(self, message: str, hint: str, context: click.Context | None = None) -> None:
        super().__init__(message, context)
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it as every error is printed."""
        fail(self.message, self.hint, colour=None if self.ctx is None else self.ctx.color)


def restated(error: click.UsageError, context: click.Context) -> click.UsageError:
    """An error of click as a `Misuse`: with the option that was meant, and how the command is used."""
    if isinstance(error, (Misuse, getattr(click.exceptions, "NoArgsIsHelpError", Misuse))):
        return error
    context = error.ctx or context
    if isinstance(error, click.NoSuchOption):
        return unknown_option(error.option_name, context)
    if isinstance(error, click.MissingParameter) and (missing := missing_parameter(error, context)):
        return missing
    message = " ".join(error.format_message().split()).rstrip(".")
    usage = " ".join(context.get_usage().split())
    return Misuse(
        message[:1].lower() + message[1:],
        f"{usage[:1].lower()}{usage[1:]}\n{context.command_path} --help says more",
        context,
    )


def missing_parameter(error: click.MissingParameter, context: click.Context) -> Misuse | None:
    """``missing option '--weights'``, where its type can say what to give; else None."""
    said = getattr(error.param and error.param.type, "missing", "")
    return Misuse(f"missing option {error.param.opts[0]!r}", said, context) if error.param and said else None


def unknown_option(name: str, context: click.Context) -> Misuse:
    """``unknown option '--epoch'; did you mean '--epochs'?``."""
    params = context.command.get_params(context)
    known = [flag for option in params for flag in (*option.opts, *option.secondary_opts) if flag.startswith("--")]
    hint = f"{context.command_path} --help lists the options"
    return Misuse(f"unknown option {name!r}{did_you_mean(name, known)}", hint, context)


def unknown_command(name: str, known: list[str], context: click.Context) -> Misuse:
    """``unknown command 'convrt'; did you mean 'convert'?``."""
    hint = f"{context.command_path} --help lists the commands"
    return Misuse(f"unknown command {name!r}{did_you_mean(name, known)}", hint, context)
