"""One function and one command for every page."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner
from support.html import read

from yolo_tl.api.reports import report
from yolo_tl.cli.report import command
from yolo_tl.errors import DataNotFound, ParseError, UsageError
from yolo_tl.evaluation import Predictions


def test_a_run(folder, tmp_path):
    assert report(folder) == folder / "report.html"
    assert "At a threshold" in read(folder / "report.html").text
    assert report(folder, tmp_path / "elsewhere" / "page.html").is_file()


def test_a_comparison_a_verdict_and_a_qualification(compared, verdict, qualification, tmp_path):
    shutil.copytree(compared, tmp_path / "compared")
    assert report(tmp_path / "compared") == tmp_path / "compared" / "report.html"
    assert read(tmp_path / "compared" / "report.html").count("img") == 3
    (tmp_path / "verdict.json").write_text(json.dumps(verdict))
    assert "Verdict on transfer" in read(report(tmp_path)).text
    (tmp_path / "by any name.json").write_text(json.dumps(qualification))
    assert "Qualification of best.pt" in read(report(tmp_path / "by any name.json", tmp_path / "q.html")).text


def test_the_command(folder, tmp_path):
    done = CliRunner().invoke(command, [str(folder), "--out", str(tmp_path / "page.html"), "--json"])
    assert json.loads(done.stdout) == {"report": str(tmp_path / "page.html")}
    assert CliRunner().invoke(command, [str(folder)]).stdout.strip() == str(folder / "report.html")


def test_what_is_nothing_of_the_kind(tmp_path, folder, compared):
    with pytest.raises(DataNotFound, match="expected a run folder"):
        report(tmp_path / "nothing")
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(DataNotFound, match="found a"):
        report(tmp_path / "other.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ParseError):
        report(tmp_path / "broken.json")
    with pytest.raises(UsageError, match="no run folder"):
        report(compared, split="test")
    with pytest.raises(UsageError, match="with a split only"):
        report(folder, data=tmp_path)


def test_another_split_is_predicted_and_shown(learned, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(learned[1].parent.parent, run)
    before = (run / "metrics.json").read_bytes()
    path = report(run, split="test", device="cpu")
    assert path == run / "report-test.html"
    text = read(path).text
    assert "Scores of best.pt on test" in text
    kept = Predictions.read(run / "predictions.npz")
    assert kept.split == "val"
    assert (run / "metrics.json").read_bytes() == before
    assert "the mean F1 on test is largest" in text
