from __future__ import annotations

import io
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from support.demos import finished

from yolo_tl import api
from yolo_tl.api.demonstration import OUT, DemoResult, DemoSettings
from yolo_tl.cli import main
from yolo_tl.cli.demo import DemoProgress, command, render


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a demo that is finished."""
    finished(tmp_path).write(tmp_path)
    return tmp_path


def test_the_table_has_each_step_with_its_command_and_the_rest_follows(out: Path) -> None:
    record = finished(out)
    text = click.unstyle(render(DemoResult.of(out, record, kept=False)))
    assert any(line.endswith(" \\") for line in text.splitlines()), "no command is long enough to be broken"
    lines = text.replace("\\\n     ", "").splitlines()
    assert lines[0].split() == ["step", "seconds", "what", "came", "out"]
    for number, step in enumerate(record.steps):
        assert lines[1 + 2 * number].split()[:3] == [str(number + 1), step.name, f"{step.seconds:.1f}"]
        assert lines[2 + 2 * number].strip() == step.command
    assert "10 steps in 0 min 55 s, started from yolo26n-parts.pt." in lines
    assert "Transfer beat training from scratch here" in text
    assert f"training report   {out}/run/report.html" in lines
    assert "  yolo-tl inspect runs/mine/bundle PICTURES --rules default" in lines
    assert lines[-1] == "yolo26n-parts.pt has seen no photograph: take yolo26n.pt for yours where you can."


def test_lines_of_commands_are_short_and_no_word_is_broken(tmp_path: Path) -> None:
    steps = finished(Path("runs/a demo")).steps
    text = click.unstyle(render(DemoResult.of(Path("runs/a demo"), finished(Path("runs/a demo")), kept=False)))
    assert all(len(line) <= 100 for line in text.splitlines() if line.startswith("   "))
    assert all("'runs/a demo/data'" in step.command for step in steps if step.name in ("check", "plan", "train"))
    assert text.count("'runs/a demo/data'") >= 5


def test_a_finished_demo_is_shown_again_without_training(out: Path) -> None:
    told = CliRunner().invoke(main, ["demo", str(out)])
    assert told.exit_code == 0, told.output
    assert "Next, with your own data:" in told.stdout
    assert "finished before, so nothing is trained again" in told.stderr
    assert "weights: yolo26n-parts.pt (it ships with yolo-tl)" in told.stderr


def test_json_is_one_object_and_all_else_is_on_stderr(out: Path) -> None:
    told = CliRunner().invoke(main, ["demo", str(out), "--json"])
    plain = json.loads(told.stdout)
    assert plain["kept"] is True
    assert len(plain["steps"]) == 10
    assert CliRunner().invoke(main, ["demo", str(out), "--json", "--quiet"]).stderr == ""


def test_another_request_and_a_folder_that_cannot_be_used_end_with_2(out: Path, tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["demo", str(out), "--images", "31"])
    assert told.exit_code == 2
    assert "images was 30, is 31" in told.stderr
    (tmp_path / "file").write_text("", "utf-8")
    told = CliRunner().invoke(main, ["demo", str(tmp_path / "file")])
    assert told.exit_code == 2
    assert "expected a folder, found a file" in told.stderr


def test_the_report_is_opened_only_where_that_is_asked_for(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or False)
    CliRunner().invoke(main, ["demo", str(out)])
    assert opened == []
    told = CliRunner().invoke(main, ["demo", str(out), "--open"])
    assert opened == [(out / "run" / "report.html").as_uri()]
    assert "no browser could be started" in told.stderr


def test_ctrl_c_says_how_to_go_on(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "demo", stopped, raising=False)
    told = CliRunner().invoke(main, ["demo", str(out)])
    assert told.exit_code == 130
    assert "the same command goes on" in told.stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream, bars", [(Terminal(), True), (io.StringIO(), False)])
def test_pictures_are_counted_by_a_bar_on_a_terminal_only(
    stream: io.StringIO, bars: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    progress = DemoProgress()
    progress.begin(1, 10, "sample", "yolo-tl sample x")
    for done in range(1, 6):
        progress.advance(done, 5)
    progress.end(finished(Path("x")).steps[0])
    text = stream.getvalue()
    assert ("  pictures" in text and "100%" in text) is bars
    assert ("pictures" in text) is bars, "the label of a bar that is not drawn"
    assert "[1/10]" in text
    assert text.endswith("  sample: sample went well (1.0 s)\n")


def test_the_usual_folder_is_that_of_the_function() -> None:
    (argument,) = (parameter for parameter in command.params if parameter.name == "out")
    assert argument.default == str(OUT)


def test_help_states_the_defaults_that_hold() -> None:
    text = " ".join(CliRunner().invoke(main, ["demo", "--help"]).stdout.split())
    usual = DemoSettings()
    for value in (usual.images, usual.imgsz, usual.epochs, usual.seed):
        assert f"[default: {value}]" in text
    assert "goes on where it was stopped" in text
