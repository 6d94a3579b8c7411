from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from yolo_tl.cli.sample import command
from yolo_tl.errors import ConfigError


def test_it_says_what_it_drew_and_what_comes_next(tmp_path: Path) -> None:
    out = tmp_path / "my parts"
    result = CliRunner().invoke(command, [str(out), "--images", "9", "--size", "128"])
    assert result.exit_code == 0, result.output
    assert "9 (train 3, val 3, test 3)" in result.stdout
    assert result.stdout.splitlines()[-1] == str(out)
    assert f"next: yolo-tl convert '{out}' '{out}-yolo'" in result.stderr
    assert len(list(out.rglob("*.xml"))) == 9


def test_json(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command, [str(tmp_path / "x"), "--images", "9", "--size", "128", "--format", "yolo", "--json"]
    )
    report = json.loads(result.stdout)
    assert report["images"] == {"train": 3, "val": 3, "test": 3}
    assert report["data"] == str(tmp_path / "x" / "data.yaml")
    assert (tmp_path / "x" / "data.yaml").is_file()


def test_bad_options(tmp_path: Path) -> None:
    assert CliRunner().invoke(command, [str(tmp_path / "x"), "--format", "kitti"]).exit_code == 2
    result = CliRunner().invoke(command, [str(tmp_path / "x"), "--images", "2"])
    assert isinstance(result.exception, ConfigError)
