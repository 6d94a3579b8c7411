"""``yolo-tl demo``: the whole way, on generated pictures."""

from __future__ import annotations

import shlex
import sys
import textwrap
import webbrowser
from typing import TYPE_CHECKING, Any

import click

from yolo_tl import api
from yolo_tl.api.demonstration.settings import DemoSettings
from yolo_tl.api.demonstration.start import COCO, SHIPPED
from yolo_tl.cli.command import Command
from yolo_tl.cli.names import WeightsName
from yolo_tl.cli.options import emit_json, json_option, overwrite_option, table
from yolo_tl.cli.terminal import quiet, say, show

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from yolo_tl.api.demonstration import DemoResult, Start, Step
    from yolo_tl.transfer.progress import Listener

_USUAL = DemoSettings()
_COLUMNS = 100


class DemoProgress:
    """The `DemoListener` of the command line, on stderr: bars where that is a terminal, lines elsewhere."""

    def __init__(self) -> None:
        self._bar: ProgressBar[int] | None = None

    def start(self, start: Start) -> None:
        """Say what is started from, and why."""
        say(_wrapped(f"weights: {start.weights} ({start.why})"))

    def begin(self, number: int, total: int, name: str, command: str) -> None:
        """Name the step and show its command."""
        say(f"\n[{number}/{total}] {click.style(name, bold=True)}\n  {command}")

    def advance(self, done: int, total: int) -> None:
        """Move the bar."""
        if quiet() or not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = click.progressbar(length=total, label="  pictures", file=sys.stderr)
        self._bar.update(done - self._bar.pos)

    def end(self, step: Step) -> None:
        """Say what came out."""
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None
        say(f"  {step.name}: {step.figure} ({step.seconds:.1f} s)")

    def training(self) -> Listener:
        """The bar of `train`, without the plan, which is a step of its own."""
        from yolo_tl.cli.verdict import RungProgress

        return RungProgress()


def render(result: DemoResult) -> str:
    """The table of the steps with their commands, the measured claim, the pages, and what to type next."""
    rows = [(number, step.name, f"{step.seconds:.1f}", step.figure) for number, step in enumerate(result.steps, 1)]
    lines = table(rows, ("", "step", "seconds", "what came out")).splitlines()
    told = [lines[0]]
    for line, step in zip(lines[1:], result.steps, strict=True):
        told += [line, click.style(_typed(step.command), dim=True)]
    shipped = result.start.weights == SHIPPED
    minutes, seconds = divmod(round(result.seconds), 60)
    return "\n".join(
        [
            *told,
            f"\n{len(result.steps)} steps in {minutes} min {seconds} s, started from {result.start.weights}.",
            "",
            _wrapped(result.claim),
            "",
            *(f"{what + ' report':16}  {path}" for what, path in result.reports.items()),
            "",
            "Next, with your own data:",
            *(f"  {command}" for command in result.next),
            *[f"\n{SHIPPED} has seen no photograph: take {COCO} for yours where you can."] * shipped,
        ]
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _COLUMNS, break_long_words=False, break_on_hyphens=False)


def _typed(command: str) -> str:
    """The command in lines that a shell puts together again."""
    lines = ["   "]
    for word in map(shlex.quote, shlex.split(command)):
        if len(lines[-1]) + len(word) >= _COLUMNS - 2 and lines[-1].strip():
            lines.append("     ")
        lines[-1] += word + " "
    return "\\\n".join(lines).rstrip()


def _show(result: DemoResult) -> None:
    """Open the report in a browser, or say that there is none."""
    if not webbrowser.open(result.report.resolve().as_uri()):
        say("no browser could be started; open the report yourself")


@click.command(
    "demo",
    cls=Command,
    examples=[
        ("yolo-tl demo", "the whole way, into runs/demo; said again, it shows the table again"),
        ("yolo-tl demo runs/small --images 60 --imgsz 160 --epochs 6", "sooner, and learning less"),
        ("yolo-tl demo --overwrite --open", "once more from the beginning; the report is opened at the end"),
    ],
)
@click.argument("out", type=click.Path(), default="runs/demo")
@click.option(
    "--weights",
    "-w",
    type=WeightsName(),
    help="Checkpoint path or name; default: yolo26n.pt if here or fetched, else the shipped one.",
)
@click.option("--images", type=int, help=f"Pictures to draw.  [default: {_USUAL.images}]")
@click.option("--imgsz", type=int, help=f"Side of the network input, px.  [default: {_USUAL.imgsz}]")
@click.option(
    "--epochs", type=int, help=f"Of the run, and of the full run the verdict is about.  [default: {_USUAL.epochs}]"
)
@click.option("--seed", type=int, help=f"Of the pictures and of training.  [default: {_USUAL.seed}]")
@click.option("--open", "open_", is_flag=True, help="Open the report in a browser.")
@overwrite_option
@json_option
def command(out: str, open_: bool, overwrite: bool, as_json: bool, **asked: Any) -> None:
    """Go the whole way on generated pictures, in the folder OUT (default: runs/demo).

    sample, convert, check, plan, train, evaluate, verdict against training from scratch, export with its gate,
    selftest, inspect: each by the command that is shown, so that each can be said again by hand.

    Finished steps are kept in OUT/demo.json. After Ctrl-C the same command goes on where it was stopped. Said again
    for a demo that is finished, it shows the table again and trains nothing; --overwrite begins anew.
    """
    try:
        result = api.demo(out, overwrite=overwrite, listener=DemoProgress(), **asked)
    except KeyboardInterrupt:
        say("\nfinished steps are kept: the same command goes on")
        raise
    if result.kept:
        say(f"{out}: finished before, so nothing is trained again; --overwrite begins anew.\n")
    emit_json(result.to_json()) if as_json else show(render(result))
    if open_:
        _show(result)
