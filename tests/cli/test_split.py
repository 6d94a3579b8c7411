from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.datasets import dataset
from support.scenes import scene

from yolo_tl.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = {f"train/{i}.jpg": (scene(i, 96, 96), [f"{i % 2} 0.5 0.5 0.2 0.2"]) for i in range(10)}
    return dataset(tmp_path / "data", images)


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_table_and_json(folder: Path, tmp_path: Path) -> None:
    text = run("split", folder, tmp_path / "out", "--ratios", "0.6,0.2,0.2")
    assert "images" in text
    assert "6 (60.0 %)" in text
    assert "leaks             0" in text
    answer = json.loads(run("split", folder, tmp_path / "folds", "--folds", "2", "--json"))
    assert answer["images"] == {"fold 0": 5, "fold 1": 5}
    assert Path(answer["data"]).is_file()
    assert "dry run" in run("split", folder, tmp_path / "dry", "--dry-run", "--no-near-duplicates")
    assert not (tmp_path / "dry").exists()


def test_faults_are_usage(folder: Path, tmp_path: Path) -> None:
    assert "add up to 1" in run("split", folder, tmp_path / "out", "--ratios", "0.9,0.9", code=2)
    assert "group_by" in run("split", folder, tmp_path / "out", "--group-by", "moon", code=2)
    run("split", tmp_path / "none", tmp_path / "out", code=3)
