"""``yolo-tl resume``: go on with a run, or make a finished one longer."""

from __future__ import annotations

import click

from yolo_tl import api
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import json_option, trust_option
from yolo_tl.cli.progress import Progress
from yolo_tl.cli.train import finish, must_improve_option


@click.command(
    "resume",
    cls=Command,
    examples=[
        ("yolo-tl resume runs/parts", "after it was stopped"),
        ("yolo-tl resume runs/parts --epochs +20", "twenty epochs more"),
        ("yolo-tl resume runs/parts --data /mnt/new/parts", "the data set has moved"),
    ],
)
@click.argument("run", type=click.Path())
@click.option("--epochs", metavar="N|+N", help="Make the run longer: its new number of epochs, or so many more.")
@click.option("--data", type=click.Path(), help="Where its data are now, if they were moved.")
@must_improve_option
@trust_option
@json_option
def command(run: str, epochs: str | None, data: str | None, must_improve: bool, trust: bool, as_json: bool) -> None:
    """Go on with the run folder RUN as it was planned; it ends as if it had not been stopped."""
    result = api.resume(run, epochs=epochs, data=data, trust=trust, must_improve=must_improve, listener=Progress())
    finish(result, result.plan.data.path, as_json=as_json)
