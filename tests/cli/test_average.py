from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.checkpoints import checkpoint, run_folder

from yolo_tl.cli import main


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["average", *(str(a) for a in arguments), *([] if code else ["--device", "cpu"])])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


@pytest.fixture(scope="module")
def folder(sample: Path, tmp_path_factory) -> Path:
    return run_folder(tmp_path_factory.mktemp("runs") / "first", sample, epochs=(3, 9, 10))


def test_the_last_epochs_of_a_run(folder: Path, tmp_path: Path) -> None:
    text = run(folder, "--last", "2", "--out", tmp_path / "swa.pt")
    assert [line.split()[0] for line in text.splitlines()[1:4]] == [
        *(str(folder / "weights" / name) for name in ("epoch9.pt", "epoch10.pt")),
        str(tmp_path / "swa.pt"),
    ]
    assert "layers measured anew" in text
    assert "over" in text.splitlines()[-1]


def test_between_start_and_best(folder: Path, tmp_path: Path) -> None:
    answer = json.loads(run(folder, "--start", "0.3", "-o", tmp_path / "wise.pt", "--no-bn", "--json"))
    assert [Path(i["weights"]).name for i in answer["ingredients"]] == ["start.pt", "best.pt"]
    assert answer["batchnorms"] == 0
    assert answer["weights"] == str(tmp_path / "wise.pt")
    assert {"map50", "map50_95"} <= answer["metrics"].keys()
    # What was written can go in again, and other data than the run's can be named.
    again = run(folder, tmp_path / "wise.pt", "-o", tmp_path / "again.pt", "--data", folder / "none", code=3)
    assert "none" in again


def test_several_checkpoints_need_data(sample: Path, tmp_path: Path) -> None:
    paths = [checkpoint(tmp_path / f"{seed}.pt", sample, seed=seed) for seed in (1, 2)]
    assert "--data" in run(*paths, "-o", tmp_path / "soup.pt", code=2)
    run(*paths, "-o", tmp_path / "soup.pt", "--data", sample)
    assert (tmp_path / "soup.pt").is_file()
    assert "is there already" in run(*paths, "-o", tmp_path / "soup.pt", "--data", sample, code=2)


def test_faults(folder: Path, sample: Path, tmp_path: Path) -> None:
    assert "--last K" in run(folder, "-o", tmp_path / "a.pt", code=2)
    assert "--keep 4" in run(folder, "--last", "4", "-o", tmp_path / "a.pt", code=4)
    assert "ends in .pt" in run(folder, "--last", "2", "-o", tmp_path / "a.onnx", code=2)
    assert "0<=x<=1" in run(folder, "--start", "1.5", "-o", tmp_path / "a.pt", code=2)
    other = checkpoint(tmp_path / "other.pt", sample, width=16)
    assert "differ" in run(folder, other, "-o", tmp_path / "a.pt", code=4)
    assert not (tmp_path / "a.pt").exists()
