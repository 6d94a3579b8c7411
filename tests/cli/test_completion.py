"""Completion as shells ask for it: bash itself, where it is installed; the others by what they send."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from yolo_tl.cli import main
from yolo_tl.cli.shells import VARIABLE, script

BASH = shutil.which("bash")
# Sourced as a user sources it; `compopt` works only while bash completes, so that it is asked for is noted instead.
ASK = """
source "$SCRIPT"
compopt() { COMPREPLY+=("<paths>"); }
while IFS= read -r line; do
    IFS=' ' read -r -a COMP_WORDS <<< "$line"
    [[ $line == *' ' ]] && COMP_WORDS+=("")
    COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); COMPREPLY=()
    _yolo_tl_completion yolo-tl
    IFS=$'\\t'; printf '%s\\n' "${COMPREPLY[*]}"
done
"""


def complete(place: Path, *lines: str) -> list[list[str]]:
    """What bash offers for each line, typed up to its end; `place` is where it is typed."""
    program = place / "yolo-tl"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m yolo_tl \"$@\"\n")
    program.chmod(0o755)
    (place / "script").write_text(script("bash"))
    done = subprocess.run(
        [str(BASH), "--norc", "-c", ASK],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
        cwd=place,
        env={**os.environ, "PATH": f"{place}{os.pathsep}{os.environ['PATH']}", "SCRIPT": "script"},
    )
    assert done.stderr == ""
    return [line.split("\t") if line else [] for line in done.stdout.splitlines()]


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
def test_bash(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "yolo-ours.pt").touch()
    (tmp_path / "configs" / "train").mkdir(parents=True)
    (tmp_path / "configs" / "train" / "help-of-ours.yaml").write_text("about: ours\n")
    expected = {
        "yolo-tl tr": ["train"],
        "yolo-tl bundle s": ["sign"],
        "yolo-tl train d --pre": ["--preset", "--precision"],
        "yolo-tl train d --preset he": ["head-only", "help-of-ours"],
        "yolo-tl train d --preset = he": ["head-only", "help-of-ours"],  # as bash splits --preset=he
        "yolo-tl train d --preset ./he": ["<paths>"],
        "yolo-tl train d -w yolo-": ["yolo-ours.pt"],
        "yolo-tl train d -w yolo11s": ["yolo11s.pt"],
        "yolo-tl train d --optimizer A": ["AdamW", "Adam"],
        "yolo-tl train ": ["<paths>"],
        "yolo-tl evaluate a b --head ": ["auto", "one-to-many", "nms-free"],
        "yolo-tl --quiet export a -p ": ["half", "int8", "onnx", "openvino"],
        "yolo-tl inspect a b --rules d": ["default"],
        "yolo-tl completion ": ["bash", "zsh", "fish"],
        "yolo-tl nothi": [],
    }
    assert dict(zip(expected, complete(tmp_path, *expected), strict=True)) == expected


@pytest.mark.parametrize(
    ("shell", "words", "at", "answer"),
    [
        ("zsh", "yolo-tl\nverd", "1", "plain\nverdict\nwhether transfer helps here"),
        ("fish", "yolo-tl train d --preset l2", "l2", "plain,l2-sp\t"),
        ("fish", "yolo-tl convert", "", "file,"),
    ],
)
def test_what_zsh_and_fish_send_is_answered(shell: str, words: str, at: str, answer: str) -> None:
    asked = {VARIABLE: f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": at}
    done = subprocess.run(
        [sys.executable, "-m", "yolo_tl"], capture_output=True, text=True, check=True, env={**os.environ, **asked}
    )
    assert done.stdout.startswith(answer)


def test_an_answer_costs_no_network() -> None:
    code = (
        "import atexit, sys\n"
        "heavy = {'numpy', 'cv2', 'torch', 'ultralytics', 'onnxruntime'}\n"
        "atexit.register(lambda: print('heavy:', *{m.split('.')[0] for m in sys.modules} & heavy))\n"
        "from yolo_tl.cli import main\nmain(prog_name='yolo-tl')"
    )
    asked = {VARIABLE: "bash_complete", "COMP_WORDS": "yolo-tl\ntrain\nd\n--weights\nyolo26", "COMP_CWORD": "4"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **asked}
    )
    assert "plain,yolo26n.pt\n" in done.stdout
    assert done.stdout.endswith("heavy:\n")


@pytest.mark.parametrize(
    ("shell", "begins"), [("bash", "_yolo_tl_completion() {"), ("zsh", "#compdef yolo-tl"), ("fish", "function _yolo")]
)
def test_the_script_is_printed_alone(shell: str, begins: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.stdout == script(shell)
    assert done.stdout.startswith(begins)
    assert "put it into" in done.stderr
    assert VARIABLE in done.stdout
    told = json.loads(CliRunner().invoke(main, ["completion", shell, "--json"]).stdout)
    assert told == {"shell": shell, "script": done.stdout}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_their_script(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script(shell))
    subprocess.run([program, "-n", str(tmp_path / "script")], check=True)
