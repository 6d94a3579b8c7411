"""The command group, and the one place that turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import io
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from yolo_tl import __version__
from yolo_tl.cli.command import Group, debugging
from yolo_tl.cli.terminal import fail
from yolo_tl.errors import YoloTLError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "demo": "the whole way on drawn pictures, from annotations to PASS and FAIL, in minutes",
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
    "completion": "the script that completes commands, options, presets and weights in bash, zsh or fish",
}

# In the order of the work; the help lists them so.
SECTIONS = {
    "To begin": ("demo", "sample", "doctor", "completion"),
    "Data": ("convert", "check", "fix", "split", "preview", "diff", "fingerprint", "label-next"),
    "Training": ("plan", "train", "resume", "overfit-check", "cross-validate", "average"),
    "Evidence": ("evaluate", "compare", "verdict", "curve", "qualify", "report"),
    "Export": ("export", "verify", "bundle", "selftest", "benchmark"),
    "At the line": ("predict", "inspect", "replay", "serve", "deploy"),
}


class LazyGroup(Group):
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section from the tables, importing none."""
        width = max(map(len, COMMANDS))
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:{width}}", COMMANDS[name]) for name in names if name in COMMANDS])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands and options that begin like this; no command is imported."""
        from click.shell_completion import CompletionItem

        commands = [CompletionItem(name, help=COMMANDS[name]) for name in COMMANDS if name.startswith(incomplete)]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error of ours becomes a message and its exit code."""
        try:
            return super().invoke(ctx)
        except YoloTLError as error:
            if debugging():
                traceback.print_exc()
            fail(error.message, error.hint)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            ctx.exit(130)
        except BrokenPipeError:  # the reader of our output has gone
            sys.stderr.close()
            ctx.exit(0)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples=[
        ("yolo-tl sample parts", "pictures with labels to try everything on"),
        ("yolo-tl convert parts datasets/parts", "a data set from labels of any tool"),
        ("yolo-tl train datasets/parts --weights yolo26n.pt --out runs/parts", "fine-tune on it"),
        ("yolo-tl train --help", "all options of a command, with examples"),
    ],
)
@click.version_option(__version__, prog_name="yolo-tl")
def main() -> None:
    """Fine-tune YOLO detectors on few labels, prove the result, run it without torch."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that the terminal has no letters for
    logging.basicConfig(format="%(message)s", stream=sys.stderr)  # at the level that --quiet may have set


if "_YOLO_TL_COMPLETE" in os.environ:  # a shell asks: it is answered before any command is parsed
    importlib.import_module("yolo_tl.cli.shells")
