"""Options of commands that can look at images in tiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from yolo_tl.cli.options import Command
from yolo_tl.errors import UsageError

_OPTIONS = (
    click.option("--tile", type=click.IntRange(1), metavar="PX", help="Look at images in square tiles of this side."),
    click.option(
        "--overlap", type=click.IntRange(1), metavar="PX", help="What neighbouring tiles share; default: a fifth."
    ),
    click.option(
        "--largest-object",
        type=click.FloatRange(0, min_open=True),
        metavar="PX",
        help="In place of --overlap: tiles overlap so that an object of this size lies whole in one.",
    ),
    click.option("--overview", is_flag=True, help="Also look at the whole image, for objects larger than a tile."),
)


def tiling_options(function: Command) -> Command:
    """``--tile``, ``--overlap``, ``--largest-object`` and ``--overview``; the command receives them as ``tiling``."""

    @wraps(function)
    def run(
        *, tile: int | None, overlap: int | None, largest_object: float | None, overview: bool, **values: Any
    ) -> Any:
        tiling = None
        if tile is not None:
            from yolo_tl.edge.tiling import Tiling

            tiling = Tiling(tile, overlap, largest_object, overview)
        elif overlap is not None or largest_object is not None or overview:
            raise UsageError("--overlap, --largest-object and --overview: expected --tile with them, found none")
        return function(tiling=tiling, **values)

    decorated: Callable[..., Any] = run
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[return-value]
