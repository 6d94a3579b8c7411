"""What all commands have: examples in their help, the options --quiet and --debug, errors in one form."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import click

from yolo_tl.cli.misuse import restated, unknown_command
from yolo_tl.cli.terminal import QUIET, colourless


class Example(NamedTuple):
    """A command line that works, beginning with ``yolo-tl``, and what it does in a few words."""

    line: str
    does: str


class Command(click.Command):
    """A command whose help ends with examples.

    Args:
        examples: pairs of a command line and what it does; kept as ``examples``, a tuple of `Example`.
    """

    def __init__(self, *args: Any, examples: Iterable[tuple[str, str]] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(Example(*pair) for pair in examples)
        self.params += [
            click.Option(
                ["--quiet", "-q"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_keep_quiet,
                help="Only the result, warnings and errors: no progress, no hints.",
            ),
            click.Option(["--debug"], is_flag=True, expose_value=False, help="Show the traceback of an error."),
        ]

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse; no colours where the environment asks for none."""
        if parent is None and colourless():
            extra.setdefault("color", False)
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and keep what was given for `given`.

        Raises:
            Misuse: it cannot mean anything.
        """
        ctx.meta[_GIVEN] = tuple(args)
        ctx.meta[_DEBUG] = ctx.meta.get(_DEBUG) or "--debug" in args  # here, so that a failing import shows, too
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise restated(error, ctx) from error

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, as they are typed: never wrapped."""
        if not self.examples:
            return
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"  {example.line}\n")
                with formatter.indentation(), formatter.indentation():
                    formatter.write_text(example.does)


class Group(Command, click.Group):
    """A group of commands, which has examples, too."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of that name.

        Raises:
            Misuse: there is none; the closest is named.
        """
        name = str(args[0])
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            raise unknown_command(name, self.list_commands(ctx), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            Misuse: none was given.
        """
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise restated(error, ctx) from error


_GIVEN, _DEBUG = "yolo_tl.given", "yolo_tl.debug"  # in `click.Context.meta`


def debugging() -> bool:
    """Whether ``--debug`` was given, before the command or after it."""
    return bool(click.get_current_context().meta.get(_DEBUG))


def given(*, without: str = "") -> tuple[str, ...]:
    """The words that the command was given after its name, as they were typed, but for one."""
    return tuple(word for word in click.get_current_context().meta[_GIVEN] if word != without)


def _keep_quiet(context: click.Context, option: click.Parameter, value: bool) -> None:
    """Warnings of other packages are not shown until the command has ended; those of this package are."""
    if not value or context.resilient_parsing or context.meta.get(QUIET):
        return
    context.meta[QUIET] = True
    context.with_resource(warnings.catch_warnings())
    warnings.simplefilter("ignore")
    levels = {logging.getLogger(): logging.ERROR, logging.getLogger("yolo_tl"): logging.WARNING}
    for logger, level in levels.items():
        context.call_on_close(lambda logger=logger, before=logger.level: logger.setLevel(before))
        logger.setLevel(level)
