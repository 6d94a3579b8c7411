"""What the documents say is so: formats, commands, checks, options; and the commands of docs/data.md run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from yolo_tl.cli.main import COMMANDS
from yolo_tl.data import make_sample
from yolo_tl.data.checks import CHECKS
from yolo_tl.data.formats import FORMATS
from yolo_tl.data.options import ReadOptions

ROOT = Path(__file__).resolve().parent.parent
DATA = (ROOT / "docs" / "data.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")


def test_every_format_has_a_row_that_says_whether_it_is_written() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \|[^|]*\|([^|]*)\|$", DATA, re.MULTILINE))
    assert set(rows) == set(FORMATS)
    for name, format in FORMATS.items():
        assert bool(rows[name].strip()) == bool(format.write) or name == "text"
    assert f"{len(FORMATS)} annotation formats" in README


def test_every_command_and_group_of_checks_is_told_of() -> None:
    for command in COMMANDS:
        assert re.search(rf"(`|yolo-tl ){command}\b", README + DATA), command
    for group in {name.partition(".")[0] for name in CHECKS}:
        assert f"`{group}`" in DATA
    assert len(CHECKS) > 100


def test_the_options_named_exist() -> None:
    fields = {f"--{name.replace('_', '-')}" for name in ReadOptions.__dataclass_fields__}
    table = DATA[DATA.index("| case | default | option |") : DATA.index("A second run over")]
    named = set(re.findall(r"--[a-z][a-z-]+", table)) - {"--splits", "--ratios"}
    assert named <= fields


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", DATA))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).is_file()


def test_the_commands_run(tmp_path: Path) -> None:
    make_sample(tmp_path / "VOC_FOLDER", images=20, size=(96, 96))
    block = re.search(r"```\n(.*?)```", DATA, re.DOTALL)
    assert block
    for line in block[1].splitlines():
        command = [sys.executable, "-m", "yolo_tl", *shlex.split(line)[1:]]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert (tmp_path / "exchange" / "coco" / "annotations").is_dir()
