"""The page of the findings: whole, safe and small, and drawn by a browser where there is one."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from support.browser import CHROMIUM
from support.html import assert_nothing_is_fetched, read

from yolo_tl.data.checking import check
from yolo_tl.data.pictures.check_page import page
from yolo_tl.data.pictures.check_pictures import HEIGHT, WIDTH, shot
from yolo_tl.data.sample import make_sample

EVIL = '<script>alert("1")</script>'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_sample(tmp_path / "data", images=60, size=(160, 120), format="yolo")


def plant(data: Path) -> list[Path]:
    labels = sorted((data / "labels/train").glob("*.txt"))
    labels[0].write_text("0 0.5 0.5 0.4 0.4\n0 0.5 0.5 0 0.4\n")
    labels[1].write_text("0 0.5 0.5 0.4 0.4\n1 0.502 0.5 0.4 0.4\n")
    labels[2].unlink()
    shutil.copy(data / "images/val/sample_0044.jpg", data / "images/train/again.jpg")
    shutil.copy(data / "labels/val/sample_0044.txt", data / "labels/train/again.txt")
    return labels


def test_every_finding_is_on_it_with_what_to_do(data):
    plant(data)
    report = check(data)
    text = page(report)
    assert len(report.findings) >= 4
    for finding in report.findings:
        assert f"<code>{finding.id}</code>" in text
        assert finding.hint[1:] in text
    assert "labels/train/sample_0000.txt:2" in text
    tags = [tag for tag, _ in read(text).tags]
    assert tags.count("article") == len(report.findings)


def test_nothing_is_fetched(data, tmp_path):
    plant(data)
    check(data, html=tmp_path / "page.html")
    assert_nothing_is_fetched(tmp_path / "page.html")


def test_what_the_data_says_is_text_and_nothing_else(data):
    labels = plant(data)
    content = yaml.safe_load((data / "data.yaml").read_text())
    (data / "data.yaml").write_text(yaml.safe_dump({**content, "names": [EVIL, EVIL.upper(), "%SCRIPT%"]}))
    labels[3].write_text(f"{EVIL}\n")
    image = data / "images/train" / f"{labels[4].stem}.jpg"
    image.rename(image.with_name('"><b onload=x>.jpg'))
    reader = read(page(check(data)))
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert not [attributes for _, attributes in reader.tags if any(name.startswith("on") for name in attributes)]


def test_pictures_have_words_and_bounds(data, monkeypatch):
    for path in sorted((data / "labels/train").glob("*.txt")):
        path.write_text("0 0.5 0.5 0.4 0.4\n0 0.5 0.5 0 0.4\n1 0.501 0.5 0.4 0.4\n2 2 2 2 2\n")
    pictures = [attributes for tag, attributes in read(page(check(data))).tags if tag == "img"]
    assert 12 <= len(pictures) <= 120
    assert all(attributes["alt"] for attributes in pictures)
    for attributes in pictures:
        content = base64.b64decode((attributes["src"] or "").partition(",")[2])
        assert len(content) < 60_000
        height, width = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape[:2]
        assert (height, width - width % WIDTH) in ((HEIGHT, WIDTH), (HEIGHT, 2 * WIDTH))
    monkeypatch.setattr("yolo_tl.data.pictures.check_page._PICTURES", 3)
    assert len([tag for tag, _ in read(page(check(data))).tags if tag == "img"]) == 3


def test_a_clean_set_has_a_page(data):
    text = page(check(data))
    assert "Ready for training" in text
    assert "article" not in [tag for tag, _ in read(text).tags]


def test_a_set_without_anything_has_a_page(tmp_path):
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: []\n")
    assert "config.path_not_found" in page(check(tmp_path))


def test_the_offending_box_is_red(data):
    labels = plant(data)
    labels[0].write_text("0 0.5 0.5 0.4 0.4\n")
    snapshot = check(data).snapshot
    image = snapshot.labels.index(str(labels[0]))
    row = int(np.flatnonzero(snapshot.rows.image == image)[0])
    content = shot(snapshot, image, (row,))
    assert content is not None
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).astype(int)
    left = round(WIDTH * 0.3)
    blue, green, red = picture[HEIGHT // 2, left - 3 : left + 4].T
    assert (red - np.maximum(blue, green)).max() > 80


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_draws_it(data, tmp_path, dark):
    plant(data)
    check(data, html=tmp_path / "page.html")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--window-size=1200,900", f"--screenshot={tmp_path / 'page.png'}"]
    command += ["--blink-settings=preferredColorScheme=0"] * dark
    address = (tmp_path / "page.html").as_uri()
    subprocess.run([*command, address], check=True, capture_output=True, timeout=120)
    picture = cv2.imread(str(tmp_path / "page.png"))
    assert picture is not None
    assert (picture[-5:, :5].mean() < 80) == dark
    assert picture.std() > 10
    dumped = subprocess.run(
        [*command[:5], "--dump-dom", address], check=True, capture_output=True, text=True, timeout=120
    )
    assert re.search(r'id="told"[^>]*>\d+ of \d+ findings<', dumped.stdout)
