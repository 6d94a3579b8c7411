"""``yolo-tl selftest``: does a bundle work on this device?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolo_tl.api import bundles
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import emit_json, engine_option, json_option, table, threads_option
from yolo_tl.cli.terminal import next_step, show

if TYPE_CHECKING:
    from yolo_tl.edge.network import Engine
    from yolo_tl.edge.selftest import SelfTest


def render(result: SelfTest) -> str:
    """The steps, the environment beside that of the manifest, and the verdict."""
    parts = [table([(step.name, step.state, step.detail) for step in result.steps], ("step", "", ""))]
    if (environment := result.environment) is not None:
        rows = [(name, there or "-", here or "-") for name, (there, here) in environment.packages.items()]
        parts.append(table(rows, ("", "made with", "here")))
        machine = environment.machine
        parts.append(f"{machine['platform']}, {machine['cpu']}, {machine['cores']} cores: {' '.join(machine['flags'])}")
        parts += [f"note: {note}" for note in environment.notes]
    if result.memory is not None and result.memory["peak"] is not None:
        parts.append(f"memory at its peak {result.memory['peak']:.0f} MB")
    parts.append("passed" if result.passed else "FAILED")
    return "\n\n".join(parts)


@click.command(
    "selftest",
    cls=Command,
    examples=[
        ("yolo-tl selftest runs/parts/bundle", "on the device, before anything else"),
        ("yolo-tl selftest bundle.zip --public-key public.pem --threads 2", "signed, on two threads"),
    ],
)
@click.argument("bundle", type=click.Path())
@click.option("--public-key", type=click.Path(), help="PEM file; the bundle must be signed by its owner.")
@threads_option
@engine_option
@click.option(
    "--repeat", type=click.IntRange(min=0), default=20, show_default=True, help="Timed runs of each golden image."
)
@json_option
def command(
    bundle: str, public_key: str | None, threads: int | None, engine: Engine, repeat: int, as_json: bool
) -> None:
    """Test BUNDLE, a folder or a .zip file, on this device; neither torch nor Ultralytics is needed.

    Exit code 0: it works; 5: the model does not find what it has to find; 6: the bundle is damaged, not signed as
    asked, or cannot be run here.
    """
    result = bundles.selftest(bundle, public_key=public_key, threads=threads, engine=engine, repeat=repeat)
    emit_json(result.to_json()) if as_json else show(render(result))
    result.require_passed()
    if (Path(bundle) / "golden").is_dir():
        next_step("inspect", bundle, Path(bundle) / "golden", "--rules", "default")
