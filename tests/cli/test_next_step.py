"""The command that is named as the next step works as it is printed."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result
from support.bundles import toy_bundle
from support.command_lines import parse

from yolo_tl.cli import main

PREFIX = "next: yolo-tl "


def run(*words: object, code: int = 0) -> Result:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def named(done: Result) -> list[str]:
    """The words of the next step, which is the last line of stderr."""
    line = done.stderr.splitlines()[-1]
    assert line.startswith(PREFIX), done.stderr
    parse(line.removeprefix("next: "))
    return shlex.split(line.removeprefix(PREFIX))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, whose name has to be quoted."""
    folder = tmp_path / "my work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("elsewhere")
def test_from_a_sample_to_a_plan() -> None:
    words = named(run("sample", "my parts/", "--images", 9, "--size", 128))
    assert words == ["convert", "my parts", "my parts-yolo"]
    assert named(run("check", "my parts", "--fast")) == words
    assert named(run(*words, "--dry-run")) == words
    words = named(run(*words))
    assert words == ["check", "my parts-yolo"]
    assert named(run(*words)) == ["plan", "my parts-yolo", "--weights", "yolo26n.pt"]
    assert "next:" not in run(*words, "--json").stderr + run("--quiet", *words).stderr


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("named_by", ["parts", "parts/data.yaml", "parts/"])
def test_what_is_wrong_is_repaired_by_the_command_in_the_hint(named_by: str) -> None:
    run("sample", "parts", "--format", "yolo", "--images", 9, "--size", 128)
    next(Path("parts/labels/train").glob("*.txt")).write_text("0 0.5 0.5 nan 0.4\n")
    hint = run("check", named_by, code=3).stderr.splitlines()[-1]
    _, _, line = hint.partition(": yolo-tl ")
    words = shlex.split(line)
    assert words == ["fix", named_by, "parts-fixed"]
    words = named(run(*words))
    assert words == ["check", "parts-fixed"]
    words = named(run("split", "parts-fixed", "parts-split", "--dry-run"))
    assert words == ["split", "parts-fixed", "parts-split"]


def test_from_a_bundle_to_decisions_again(elsewhere: Path) -> None:
    toy_bundle(elsewhere / "bundle")
    words = named(run("bundle", "pack", "bundle", "b.zip"))
    assert words == ["selftest", "b.zip"]
    words = named(run("selftest", "bundle", "--threads", 1, "--repeat", 1))
    assert words == ["inspect", "bundle", str(Path("bundle/golden")), "--rules", "default"]
    words = named(run(*words, "--log", "log", "--threads", 1))
    assert words == ["replay", "log"]
    assert "4 decisions: 4 the same" in run(*words).stderr
    words = named(run("predict", "bundle", "bundle/golden"))
    assert words == ["inspect", "bundle", "bundle/golden", "--rules", "default"]


@pytest.mark.slow
def test_from_a_sample_to_an_inspection(elsewhere: Path, ultralytics: ModuleType) -> None:
    """The whole walk, by nothing but the next steps, made short where a step takes its options from there."""
    weights = elsewhere / "weights"
    weights.mkdir()
    ultralytics.YOLO("yolo26n.yaml", verbose=False).save(weights / "yolo26n.pt")
    tiny = ["--epochs", "1", "--imgsz", "64", "--batch", "8", "--device", "cpu"]
    walked, words = [], ["sample", "parts", "--images", "18", "--size", "128"]
    while True:
        walked.append(words[0])
        done = run(*words, *(tiny if words[0] == "plan" else ()))
        if not done.stderr.splitlines()[-1].startswith(PREFIX):
            break
        words = named(done)
    assert walked == ["sample", "convert", "check", "plan", "train", "evaluate", "export", "selftest", "inspect"]
    run_folder = Path("runs/train1")
    assert named(run("evaluate", run_folder, "parts-yolo"))[:2] == ["selftest", str(run_folder / "bundle")]
    assert named(run("resume", run_folder, "--epochs", "+1"))[0] == "evaluate"
