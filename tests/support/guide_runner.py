"""Runs the steps of a guide in the folder laid for it, in this process, with training cut short."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import click
from click.testing import CliRunner

from support.guides import Block
from yolo_tl.cli.main import main

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_TINY = "--epochs 2 --imgsz 64 --batch 8 --threads 1 --device cpu"
SHORT = {  # what is put behind a command to make it short; of an option that is said twice, the last counts
    "train": _TINY,
    "cross-validate": f"{_TINY} --folds 2",
    "verdict": f"{_TINY} --epochs 6",  # the fewest that it takes
    "curve": f"{_TINY} --sizes 6,12 --repeats 1 --steps 2",
    "overfit-check": "--steps 10 --imgsz 64 --device cpu --set threads=1",
    "evaluate": "--device cpu",
    "plan": "--device cpu",
    "average": "--device cpu",
    "compare": "--resamples 200",
    "benchmark": "--rounds 1 --runs 2",
}
ENDS = {  # exit codes of a command that are an answer: what so short a training makes is as good as nothing
    "overfit-check": {3},
    "check": {0, 3},
    "diff": {0, 1},
    "bundle diff": {0, 1},
    "qualify": {0, 8, 9},
    "compare": {0, 7},
    "train": {0, 7},
    "replay": {0, 12},
}


def understood(line: str) -> tuple[str, click.Context]:
    """The name of a command line and what it means.

    Raises:
        click.UsageError: there is no such command, option or value.
    """
    _, name, *arguments = shlex.split(line)
    command = main.get_command(click.Context(main), name)
    if isinstance(command, click.Group):
        part, *arguments = arguments
        name, command = f"{name} {part}", command.commands.get(part)
    if command is None:
        raise click.UsageError(f"no such command: {name}")
    return name, command.make_context(name, list(arguments))


def shortened(line: str) -> list[str]:
    """The arguments of a command line, as short as it can be run."""
    words = shlex.split(line)[1:]
    more = shlex.split(SHORT.get(words[0], ""))
    if words[0] == "resume" and "--epochs" in words:
        more += ["--epochs", "+1"]
    if "--last" in words:
        more += ["--last", "2"]
    if "int8" in words:  # so small a network is no faster in 8 bits, which is a reason to refuse it
        more += ["--set", "quantisation.slower=true", "--set", "quantisation.search=false"]
    if "0,1" in words:
        more += ["--device", "cpu,cpu"]
    return [*words, *more]


@dataclass
class Guide:
    """A guide that is being followed.

    Attributes:
        folder: where.
        laid: what was laid there and the guide has not made.
        not_run: commands that are passed over.
        printed: of the last block.
        ran: how many steps ran.
    """

    folder: Path
    laid: set[Path]
    not_run: set[str]
    printed: str = ""
    ran: int = 0
    _url: str = ""
    _server: ExitStack = field(default_factory=ExitStack)

    def follow(self, block: Block, *, fails: bool = False) -> None:
        """Run a block; an exception names where it is.

        Args:
            block: of any kind.
            fails: its last command ends with an error, which is what the guide is about.
        """
        if block.file:
            file = self.folder / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, "utf-8")
        elif block.kind == "python":
            self._python(block)
        elif block.kind == "sh":
            self.printed = ""
            lines = block.commands()
            for line in lines:
                if line not in self.not_run:
                    self.ran += 1
                    self._command(block, line, fails=fails and line == lines[-1])

    def close(self) -> None:
        """End the server that may still run."""
        self._server.close()

    def _command(self, block: Block, line: str, *, fails: bool) -> None:
        if line.startswith("yolo-tl serve"):
            self._server.close()
            self._url = self._server.enter_context(served(line))
        elif line.startswith("yolo-tl "):
            self._yolo_tl(block, line, fails=fails)
        else:
            self._shell(block, line)

    def _yolo_tl(self, block: Block, line: str, *, fails: bool) -> None:
        name, context = understood(line)
        if not fails:
            self._make_room(context)
        if line == "yolo-tl resume runs/parts":  # as if it had been stopped just before its end
            (self.folder / "runs/parts/metrics.json").unlink()
        words = shlex.split(line)[1:] if fails else shortened(line)
        done = CliRunner().invoke(main, words)
        self.printed += done.output
        expected = {2, 3, 4, 5, 6} if fails else ENDS.get(name, {0})
        assert done.exit_code in expected, f"{block.place}: {line}\n{done.output}\n{done.exception!r}"

    def _make_room(self, context: click.Context) -> None:
        """Take away what was laid where a command is to write: a guide makes it itself."""
        for key in ("out", "log", "copy_to"):
            made = self.folder / str(context.params.get(key) or "-")
            if made in self.laid:
                self.laid.remove(made)
                shutil.rmtree(made) if made.is_dir() and not made.is_symlink() else made.unlink()

    def _shell(self, block: Block, line: str) -> None:
        line = line.replace("curl ", "curl --silent --show-error --fail ")
        if line.startswith("python "):
            line = f"{shlex.quote(sys.executable)}{line[6:]}"
        done = subprocess.run(ADDRESS.sub(self._url, line), shell=True, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block.place}: {line}\n{done.stderr}{done.stdout}"
        self.printed += done.stdout
        if "curl" in line:
            answer = json.loads(done.stdout)
            assert "detections" in answer or "/v1/detect" not in line, block.place
            assert answer.get("verdict") in ("PASS", "FAIL") or "/v1/inspect" not in line, block.place

    def _python(self, block: Block) -> None:
        self.ran += 1
        text = re.sub(
            r'"epochs": \d+', '"epochs": 2, "imgsz": 64, "batch": 8, "threads": 1, "device": "cpu"', block.text
        )
        assert text != block.text or not re.search(r"\.(train|cross_validate|verdict|curve)\(", text), (
            f"{block.place}: say how many epochs it trains for, so that it can be cut short here"
        )
        code = compile("\n" * block.line + ADDRESS.sub(self._url, text), block.place, "exec")
        with redirect_stdout(StringIO()) as printed:
            exec(code, {"__name__": "__main__"})
        self.printed = printed.getvalue()


@contextmanager
def served(line: str) -> Iterator[str]:
    """The address of a server that a line of the guide starts, on a port that is free."""
    command = [sys.executable, "-m", "yolo_tl", *shlex.split(line)[1:], "--port", "0", "--json", "--drain", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"].rstrip("/")
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
