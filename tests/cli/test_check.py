"""The commands check and fix: what they print, and how they exit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from yolo_tl.cli import main
from yolo_tl.data.checks import CHECKS
from yolo_tl.data.sample import make_sample


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_sample(tmp_path / "data", images=60, size=(96, 96), format="yolo")


def invoke(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def first_label(data: Path) -> Path:
    return sorted((data / "labels/train").glob("*.txt"))[0]


def test_a_clean_set(data):
    shown = invoke("check", data).stdout
    assert "60 images (train 42, val 12, test 6)" in shown
    assert f"0 errors, 0 warnings, 0 infos from {len(CHECKS)} checks" in shown


def test_an_error_exits_with_3(data):
    first_label(data).write_text("0 0.5 0.5 nan 0.4\n")
    result = invoke("check", data, code=3)
    assert "error labels.not_finite: 1 row" in result.stdout
    assert f"labels/train/{first_label(data).name}:1" in result.stdout
    assert "Ultralytics leaves out the whole image" in result.stdout
    assert "Ultralytics would leave out 1 of 60 images" in result.stdout
    assert "1 error, 0 warnings, 0 infos" in result.stderr
    assert "yolo-tl fix" in result.stderr


def test_a_warning_fails_only_if_strict(data):
    first_label(data).unlink()
    invoke("check", data)
    invoke("check", data, "--strict", code=3)


def test_json_has_stdout_for_itself(data):
    first_label(data).write_text("9 0.5 0.5 0.4 0.4\n")
    report = json.loads(invoke("check", data, "--json", "--fast", code=3).stdout)
    assert report["counts"] == {"error": 1, "warning": 0, "info": 0}
    (finding,) = report["findings"]
    assert finding["id"] == "labels.class_out_of_range"
    assert finding["examples"][0]["line"] == 1
    assert {"severity", "message", "count", "hint", "ultralytics"} <= finding.keys()
    assert "images.uniform" in report["skipped"]


def test_only_skip_and_their_typos(data):
    first_label(data).write_text("9 0.5 0.5 0.4 0.4\n")
    invoke("check", data, "--only", "images", "--only", "labels.syntax")
    invoke("check", data, "--skip", "labels")
    assert "did you mean 'images'" in invoke("check", data, "--skip", "imges", code=2).stderr


def test_the_list_of_checks():
    shown = invoke("check", "--list").stdout
    assert all(id in shown for id in CHECKS)


def test_html(data, tmp_path):
    invoke("check", data, "--html", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")


def test_nothing_there(tmp_path):
    assert "no such file" in invoke("check", tmp_path / "nowhere", code=3).stderr


def test_fix_says_what_it_did(data, tmp_path):
    first_label(data).write_text("0,0.5,0.5,0.4,0.4\n0 0.5 0.5 0 0\n")
    shown = invoke("fix", data, tmp_path / "out").stdout
    assert f"labels/train/{first_label(data).name}:1" in shown
    assert "left out row: zero area" in shown
    invoke("check", tmp_path / "out", "--strict")
    report = json.loads(invoke("fix", data, tmp_path / "other", "--json", "--dry-run").stdout)
    assert report["actions"] == {"changed row: separator": 1, "left out row: zero area": 1}
    assert not (tmp_path / "other").exists()
    assert "already holds files" in invoke("fix", data, tmp_path / "out", code=2).stderr
    invoke("fix", data, tmp_path / "out", "--overwrite")


def test_fix_with_nothing_to_do(data, tmp_path):
    assert "nothing had to be repaired" in invoke("fix", data, tmp_path / "out").stdout
