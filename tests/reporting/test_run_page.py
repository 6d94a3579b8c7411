"""The page of a run: whole, safe and small, and shown by a browser where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from support.html import assert_nothing_is_fetched, read
from support.runs import STAGES, staged_run, write_history

from yolo_tl.reporting.run_page import write_report

EVIL = "</td><script>alert('1')</script>&%STYLE%\"'"


def change_metrics(folder: Path, **values: object) -> None:
    path = folder / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_it_says_what_was_done_and_what_came_of_it(folder):
    text = read(write_report(folder)).text
    plan = yaml.safe_load((folder / "run.yaml").read_text())
    for key, decision in plan["decisions"].items():
        if key not in ("stages", "freeze"):
            assert key in text
        assert " ".join(str(decision["reason"]).split()) in text or key == "freeze"
    for said in (*plan["warnings"], "head", "epochs 1 to 4", "backbone and neck", "epochs 5 to 12", "stem 0.1"):
        assert " ".join(str(said).split()) in text
    assert "mAP50-95 0.450 on val, 95 % interval 0.380 to 0.520" in text
    assert "0.200 before → 0.450 after (+0.250 , 95 % interval +0.110 to +0.360)".replace(" ,", ",") in text
    for name in plan["data"]["names"]:
        assert name in text
    assert "0.300 to 0.600" in text
    assert "12 / 12 epochs" in text
    assert json.loads((folder / "environment.json").read_text())["packages"]["ultralytics"] in text


def test_it_says_how_to_go_on(folder):
    text = read(write_report(folder)).text
    data = yaml.safe_load((folder / "run.yaml").read_text())["data"]["path"]
    assert f"yolo-tl evaluate '{folder}/weights/best.pt' {data} --split test" in text
    assert f"yolo-tl export '{folder}/weights/best.pt' --data {data} --out '{folder}/bundle'" in text
    assert f"yolo-tl resume '{folder}' --epochs +20" in text


@pytest.mark.parametrize(
    ("difference", "interval", "tone", "words"),
    [
        (0.25, [0.11, 0.36], "good", ""),
        (0.02, [-0.03, 0.06], "fair", "no clear gain"),
        (0.02, None, "fair", "no clear gain"),
        (-0.1, [-0.2, -0.05], "bad", "worse than the start weights"),
        (-0.01, [-0.2, 0.05], "bad", "worse than the start weights"),
    ],
)
def test_the_verdict(folder, difference, interval, tone, words):
    old = json.loads((folder / "metrics.json").read_text())["baseline"]
    change_metrics(folder, baseline={**old, "difference": difference, "ci95": interval})
    page = write_report(folder).read_text("utf-8")
    (said,) = re.findall(rf'<p class="verdict {tone}">([^<]*)</p>', page)
    assert said.endswith(words)
    assert ("no clear" in said) == ("no clear" in words)


def test_a_run_from_weights_that_knew_nothing(folder):
    change_metrics(folder, baseline=None, ci95=None)
    reader = read(write_report(folder))
    assert "start weights" not in reader.text
    assert ("p", {"class": "verdict plain"}) in reader.tags
    assert "before" not in [attributes.get("class") for _, attributes in reader.tags]


def test_a_run_that_is_not_finished(folder):
    (folder / "metrics.json").unlink()  # as a run that is made longer; its old predictions are still there
    (folder / "batch.jpg").unlink()
    write_history(folder, 5)
    reader = read(write_report(folder))
    assert "Not finished: 5 of 12 epochs" in reader.text
    assert f"yolo-tl resume '{folder}'" in reader.text
    assert "--epochs +20" not in reader.text
    assert "img" not in [tag for tag, _ in reader.tags]
    (folder / "results.csv").unlink()
    assert "Not finished: 0 of 12 epochs" in read(write_report(folder)).text


def test_a_real_run_as_it_is(learned, tmp_path, chromium):
    shutil.copytree(learned[1].parent.parent, tmp_path / "run", ignore=shutil.ignore_patterns("*.pt"))
    page = write_report(tmp_path / "run")
    text = read(page).text
    assert "8 / 8 epochs" in text
    assert "optimizer MuSGD plan" in text
    assert "At a threshold" in text
    assert chromium.open(page).complaints == []


def test_nothing_is_fetched_and_it_is_small(folder):
    path = write_report(folder)
    assert path.stat().st_size < 4 << 20
    assert not list(folder.glob(".*"))
    assert_nothing_is_fetched(path)
    assert write_report(folder).read_bytes() == path.read_bytes()


def test_what_the_run_says_is_text_and_nothing_else(source, tmp_path):
    content = yaml.safe_load((source / "run.yaml").read_text())
    names = content["data"]["names"]
    decisions = {**content["decisions"], EVIL: {"value": EVIL, "reason": EVIL, "source": EVIL}}
    folder = staged_run(
        source,
        tmp_path / "<em>run",
        names={names[0]: EVIL},
        decisions=decisions,
        stages=[{**STAGES[0], "name": EVIL, "freeze": EVIL}, STAGES[1]],
        warnings=[EVIL],
        weights=EVIL,
        preset=EVIL,
        classes={"known": EVIL, "notes": [EVIL]},
        data={**content["data"], "path": EVIL, "images": {EVIL: 3}},
    )
    (folder / "environment.json").write_text(json.dumps({EVIL: EVIL}))
    path = write_report(folder)
    reader = read(path)
    assert not {"script", "em"} & {tag for tag, _ in reader.tags}
    assert not [attributes for _, attributes in reader.tags if any(name.startswith("on") for name in attributes)]
    assert path.read_text("utf-8").count(html.escape(EVIL)) >= 12


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0" + bytes(50)])
def test_a_damaged_picture_is_left_out(folder, content):
    (folder / "batch.jpg").write_bytes(content)
    assert "Training images with" not in write_report(folder).read_text("utf-8")


def test_a_browser_shows_it_without_complaint(folder, tmp_path, chromium):
    page = write_report(folder)
    tab = chromium.open(page)
    assert tab.complaints == []
    assert tab.requests == [page.resolve().as_uri()]
    assert tab.value("document.querySelector('.verdict').textContent").startswith("mAP50-95 0.450 on val")
    bad = tmp_path / "bad.html"  # what a complaint looks like: this page breaks its own policy
    bad.write_text(page.read_text("utf-8").replace("<h1>", '<img src="http://localhost/x.png"><h1>'))
    assert "violates" in "".join(chromium.open(bad).complaints)


def test_what_the_run_says_stays_text_in_a_browser(source, tmp_path, chromium):
    names = yaml.safe_load((source / "run.yaml").read_text())["data"]["names"]
    page = write_report(staged_run(source, tmp_path / "run", names={names[0]: EVIL}))
    tab = chromium.open(page)
    assert tab.complaints == []
    assert EVIL in tab.value("document.querySelector('.numbers tbody').textContent")
    assert tab.value("document.scripts.length") == 0


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_drawn_light_and_dark(folder, chromium, dark):
    tab = chromium.open(write_report(folder), height=3000, dark=dark)
    picture = cv2.imdecode(np.frombuffer(tab.screenshot(), np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert (picture[-5:, :5].mean() < 80) == dark
    blue, red = ((0x6C, 0xB6, 0xFF), (0xFF, 0x9A, 0x57)) if dark else ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00))
    for colour in (blue, red):  # the curves, in the colours of the page
        assert (np.abs(picture - np.array(colour[::-1])).sum(2) < 40).sum() > 100


def test_it_fits_a_phone(folder, chromium):
    tab = chromium.open(write_report(folder), width=390, height=844)
    assert tab.value("innerWidth") == 390
    assert tab.value("document.documentElement.scrollWidth") == 390
    wide = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 391)"
    outside = tab.value(f"{wide}.filter(e => !e.closest('.table')).map(e => e.outerHTML.slice(0, 80))")
    assert outside == []
