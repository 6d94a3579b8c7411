"""``yolo-tl deploy``: what a device needs, in one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from yolo_tl.api import deploying
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import emit_json, json_option, overwrite_option, rules_name
from yolo_tl.cli.terminal import show

if TYPE_CHECKING:
    from yolo_tl.device_kit import Deployment, Target


def render(made: Deployment) -> str:
    """Where it is, what it does, what is in it, and what comes next."""
    does = "answers HTTP requests" if made.target == "serve" else "looks at a source"
    packages = ", ".join(made.requirements)
    lines = [
        f"{made.path}: {does} with bundle {made.bundle[:12]} ({made.format})",
        f"{len(made.requirements)} packages: {packages}",
        f"carry it to the device and run {made.path.name}/install.sh there; {made.path.name}/README.md says the rest",
    ]
    return "\n".join(lines)


@click.command(
    "deploy",
    cls=Command,
    examples=[
        (
            "yolo-tl deploy runs/parts/bundle --to kit --source camera:0 --rules default",
            "a device that looks at a camera",
        ),
        ("yolo-tl deploy runs/parts/bundle --to kit --serve", "a device that answers HTTP requests"),
    ],
)
@click.argument("bundle", type=click.Path())
@click.option("--to", "out", required=True, type=click.Path(), help="Folder to make.")
@click.option("--serve", "target", flag_value="serve", help="The device answers HTTP requests.")
@click.option("--inspect", "target", flag_value="inspect", help="The device looks at a source; default with --source.")
@click.option("--source", help="What is looked at: camera:0, rtsp://…, watch:FOLDER.")
@click.option("--rules", "-r", type=rules_name, help="A YAML file, or a preset of configs/rules.")
@click.option("--wheel", type=click.Path(), help="Wheel of yolo-tl; default: made from what runs here.")
@overwrite_option
@json_option
def command(
    bundle: str,
    out: str,
    target: Target | None,
    source: str | None,
    rules: str | None,
    wheel: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write what a device needs to run BUNDLE, a folder or a .zip file: nothing is fetched, torch is no part of it.

    The kit holds the bundle, requirements pinned to the versions that are installed here, a wheel of yolo-tl, a
    systemd unit, a container file, and instructions. Every start of the service begins with the self-test.
    """
    made = deploying.deploy(bundle, out, target=target, source=source, rules=rules, wheel=wheel, overwrite=overwrite)
    emit_json(made.to_json()) if as_json else show(render(made))
