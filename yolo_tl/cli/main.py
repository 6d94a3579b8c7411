"""The command group, and the one place that turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import io
import logging
import sys
import traceback
from typing import Any

import click

from yolo_tl import __version__
from yolo_tl.errors import YoloTLError

COMMANDS = {
    "sample": "pictures of an inspection line with exact labels, to try everything on",
    "convert": "any annotations → a YOLO data set and a ledger",
    "check": "what is wrong with a data set, and what training would do about it",
    "fix": "a repaired copy of a data set",
    "split": "new splits or folds of a data set: balanced, without leaks",
    "preview": "a picture or page of a data set with its labels drawn",
    "diff": "what is different between two data sets",
    "fingerprint": "a name for the content of a data set",
    "overfit-check": "whether a few labelled images can be learnt at all",
    "plan": "what a training run would do, and why",
    "train": "fine-tune a checkpoint on a data set",
    "resume": "go on with a run that was stopped, or make a finished one longer",
    "evaluate": "scores of a checkpoint with confidence intervals",
    "compare": "which of several models is better, as far as images and seeds can tell",
    "qualify": "is a model good enough for an inspection, and with which thresholds",
    "cross-validate": "k-fold training, and one score from all labelled images",
    "verdict": "whether transfer helps here, and which kind: measured, at little cost",
    "curve": "scores over the number of training images, and how many more are worth it",
    "label-next": "which unlabelled images to label next",
    "report": "one HTML page about a run, a comparison, a qualification or a verdict",
    "average": "one checkpoint from several, or from the last epochs of a run",
    "export": "a proven bundle for the edge: ONNX, OpenVINO, TensorRT and more, in 32, 16 or 8 bits",
    "verify": "whether models say the same on real images, and which stage differs",
    "bundle": "compare, pack, sign: what is done with a bundle",
    "selftest": "whether a bundle works on this device; without torch",
    "benchmark": "latency, throughput, processor time and memory of models, beside each other",
    "predict": "run a checkpoint, a bundle or an ONNX file on images or video",
    "inspect": "look at a camera or files, decide by rules: PASS, FAIL or UNKNOWN; without torch",
    "replay": "decide a log again, or by other rules",
    "serve": "a bundle behind HTTP: detections, verdicts, health, metrics, and a page; without torch",
    "deploy": "what a device needs, in one folder",
    "doctor": "what is installed, what is missing, where weights are looked for",
}


class LazyGroup(click.Group):
    """Imports a command when it is used, so that ``--help`` costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"yolo_tl.cli.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Name the closest command when there is none."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from yolo_tl.errors import did_you_mean

            raise click.UsageError(error.message + did_you_mean(args[0], list(COMMANDS)), ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error of ours becomes a message and its exit code."""
        debug = "--debug" in sys.argv  # before any command is parsed, so that a failing import shows, too
        try:
            return super().invoke(ctx)
        except YoloTLError as error:
            if debug:
                traceback.print_exc()
            click.echo(f"{click.style('error', fg='red', bold=True)}: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            ctx.exit(130)
        except BrokenPipeError:  # the reader of our output has gone
            sys.stderr.close()
            ctx.exit(0)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="yolo-tl")
def main() -> None:
    """Fine-tune YOLO detectors on few labels, prove the result, run it without torch."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that the terminal has no letters for
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
