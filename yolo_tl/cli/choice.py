"""An option that takes one of a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yolo_tl.cli.misuse import Misuse
from yolo_tl.errors import did_you_mean

if TYPE_CHECKING:
    Words = click.Choice[str]
else:
    Words = click.Choice  # takes no type before click 8.2


class Choice(Words):
    """A `click.Choice` that names the closest word where it finds an unknown one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word.

        Raises:
            Misuse: it is none of the known.
        """
        known = list(map(str, self.choices))
        if value in known:
            return str(value)
        of = f" of {param.opts[0] if isinstance(param, click.Option) else param.human_readable_name}" if param else ""
        raise Misuse(
            f"unknown value {str(value)!r}{of}{did_you_mean(str(value), known)}",
            f"known values: {', '.join(known)}",
            ctx,
        )
