from __future__ import annotations

import json
import shutil
from pathlib import Path

from click.testing import CliRunner
from support.datasets import dataset
from support.scenes import scene

from yolo_tl.cli import main


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result.stdout


def test_exit_codes_are_those_of_diff(tmp_path: Path) -> None:
    a = dataset(tmp_path / "a", {f"train/{i}.jpg": (scene(i, 64, 64), ["0 0.5 0.5 0.2 0.2"]) for i in range(12)})
    shutil.copytree(a, tmp_path / "b")
    assert run("diff", a, tmp_path / "b") == "the same\n"
    first = run("fingerprint", a)
    assert run("fingerprint", tmp_path / "b") == first
    for label in (tmp_path / "b/labels/train").iterdir():
        label.write_text("1 0.5 0.5 0.2 0.2\n")
    text = run("diff", a, tmp_path / "b", code=1)
    assert "objects relabelled  " in text
    assert "and 2 more" in text
    answer = json.loads(run("diff", a, tmp_path / "b", "--json", code=1))
    assert answer["same"] is False
    assert answer["counts"] == {"objects relabelled": 12}
    assert len(answer["changes"]) == 12
    run("diff", a, tmp_path / "none", code=3)
    assert run("fingerprint", tmp_path / "b") != first
    files = json.loads(run("fingerprint", a, "--files", "--json"))
    assert files["of"] == "files"
    assert files["fingerprint"] != first.strip()
