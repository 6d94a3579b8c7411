"""``yolo-tl fingerprint``: a name for the content of a data set."""

from __future__ import annotations

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import emit_json, json_option
from yolo_tl.cli.terminal import show


@click.command(
    "fingerprint",
    cls=Command,
    examples=[
        ("yolo-tl fingerprint datasets/parts", "of pixels and labels"),
        ("yolo-tl fingerprint datasets/parts --files", "of the files as they are: faster"),
    ],
)
@click.argument("data", type=click.Path())
@click.option("--files", is_flag=True, help="Of the image files as they are, not of their pixels; much faster.")
@json_option
def command(data: str, files: bool, as_json: bool) -> None:
    """Print the fingerprint of DATA (a data.yaml or its folder).

    Equal data have equal ones, whatever files and folders are called and in whatever order they come.
    """
    found = api.fingerprint(data, files=files)
    if as_json:
        emit_json({"fingerprint": found, "of": "files" if files else "pixels"})
    else:
        show(found)
