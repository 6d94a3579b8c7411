"""The script that takes the pictures of the documents, on a run that was made for the test."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from support.browser import CHROMIUM

import yolo_tl

SCRIPTS = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
sys.path.insert(0, str(SCRIPTS))

import small_png  # noqa: E402
import terminal  # noqa: E402


def test_what_was_written_over_is_not_on_the_screen():
    written = "\x1b[?25l\rdrawing  10%\rdrawing 100%\r\n\x1b[31mred\x1b[0m\r\n\r\n"
    assert terminal.screen(written) == "drawing 100%\n\x1b[31mred\x1b[0m"


def test_a_command_believes_that_it_has_a_terminal():
    text = terminal.run("yolo-tl tran", expected=(2,))
    assert "train" in text
    assert "\r\n" in text
    with pytest.raises(terminal.CommandFailed, match="ended with 2"):
        terminal.run("yolo-tl tran")


def test_a_page_holds_colours_and_no_markup_of_others():
    page = terminal.page("yolo-tl check x", "\x1b[31merror\x1b[0m <b>\r\n")
    assert "yolo-tl check x" in page
    assert "&lt;b&gt;" in page
    assert "color: #f4005f" in page


@pytest.mark.parametrize("noise", [0, 60])
def test_a_picture_is_small_whatever_it_shows(tmp_path, noise):
    picture = np.random.default_rng(0).integers(100, 101 + noise, (500, 700, 3), np.uint8)
    picture[100, 50:650] = (75, 200, 60)
    small_png.save(picture, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size <= small_png.LIMIT
    saved = cv2.imread(str(tmp_path / "picture.png"))
    if noise == 0:
        np.testing.assert_array_equal(saved, picture)
    assert saved.shape[1] >= 400


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_pictures_of_a_run(tmp_path, learned):
    data, run = learned[0], learned[1].parent.parent
    for folder in (data, run):
        shutil.copytree(folder, tmp_path / "done" / folder.name)
    document = yaml.safe_load((tmp_path / "done" / data.name / "data.yaml").read_text())
    assert "path" not in document or not Path(document["path"]).is_absolute()
    yolo_tl.export(run, data, tmp_path / "done" / "bundle")
    command = [sys.executable, str(SCRIPTS / "take.py"), "done", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = {path.name: cv2.imread(str(path)) for path in tmp_path.glob("*.png")}
    assert set(made) == {line.split()[0].rpartition("/")[2] for line in done.stdout.splitlines()}
    assert len(made) == 7
    assert max(path.stat().st_size for path in tmp_path.glob("*.png")) <= small_png.LIMIT
    assert made["report.png"].mean() > 200 > 100 > made["report_dark.png"].mean()
