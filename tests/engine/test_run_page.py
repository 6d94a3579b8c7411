"""The page of a run: whole, safe and small, and shown by a browser where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from support.runs import STAGES, staged_run, write_history

from yolo_tl.engine.run_page import write_report

EVIL = "</td><script>alert('1')</script>&%STYLE%\"'"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def folder(run, tmp_path) -> Path:
    made = staged_run(run.run, tmp_path / "a run")
    noise = np.random.default_rng(0).integers(0, 256, (1920, 1920, 3), dtype=np.uint8)
    cv2.imwrite(str(made / "batch.jpg"), noise)
    return made


class Reader(HTMLParser):
    """Collects tags and text, and fails on tags that are not closed in order."""

    VOID = frozenset(("meta", "img", "br"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    assert reader.open == []
    return reader


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
    (folder / "metrics.json").unlink()
    (folder / "batch.jpg").unlink()
    write_history(folder, 5)
    reader = read(write_report(folder))
    assert "Not finished: 5 of 12 epochs" in reader.text
    assert f"yolo-tl resume '{folder}'" in reader.text
    assert "--epochs +20" not in reader.text
    assert "img" not in [tag for tag, _ in reader.tags]
    (folder / "results.csv").unlink()
    assert "Not finished: 0 of 12 epochs" in read(write_report(folder)).text


def test_a_real_run_as_it_is(run, tmp_path):
    shutil.copytree(run.run, tmp_path / "run", ignore=shutil.ignore_patterns("*.pt"))
    text = read(write_report(tmp_path / "run")).text
    assert "2 / 2 epochs" in text
    assert "optimizer MuSGD plan" in text


def test_nothing_is_fetched_and_it_is_small(folder):
    path = write_report(folder)
    assert path.stat().st_size < 3 << 20
    assert not list(folder.glob(".*"))
    reader = read(path)
    assert any("default-src 'none'" in (attributes.get("content") or "") for _, attributes in reader.tags)
    assert [tag for tag, _ in reader.tags].count("img") == 1
    for tag, attributes in reader.tags:
        for name in ("src", "href", "xlink:href", "data", "action"):
            assert (attributes.get(name) or "data:").startswith(("data:image/jpeg;base64,", "data:", "#")), tag
    assert not re.findall(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", path.read_text("utf-8"))
    assert write_report(folder).read_bytes() == path.read_bytes()


def test_what_the_run_says_is_text_and_nothing_else(run, tmp_path):
    source = yaml.safe_load((run.run / "run.yaml").read_text())
    names = source["data"]["names"]
    decisions = {**source["decisions"], EVIL: {"value": EVIL, "reason": EVIL, "source": EVIL}}
    folder = staged_run(
        run.run,
        tmp_path / "<em>run",
        names={names[0]: EVIL},
        decisions=decisions,
        stages=[{**STAGES[0], "name": EVIL, "freeze": EVIL}, STAGES[1]],
        warnings=[EVIL],
        weights=EVIL,
        preset=EVIL,
        classes={"known": EVIL, "notes": [EVIL]},
        data={**source["data"], "path": EVIL, "images": {EVIL: 3}},
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
    assert "img" not in [tag for tag, _ in read(write_report(folder)).tags]


def browse(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"]
    command += [f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_shows_it_without_complaint(run, tmp_path):
    names = yaml.safe_load((run.run / "run.yaml").read_text())["data"]["names"]
    folder = staged_run(run.run, tmp_path / "run", names={names[0]: EVIL})
    page = write_report(folder)
    done = browse(page, tmp_path / "profile", "--dump-dom")
    assert complaints(done) == []
    assert "mAP50-95 0.450 on val" in done.stdout
    assert html.escape(EVIL, quote=False) in done.stdout.replace("&quot;", '"')
    assert done.stdout.count("<svg") == 3 + len(names) + 1
    bad = tmp_path / "bad.html"  # what a complaint looks like: this page breaks its own policy
    bad.write_text(page.read_text("utf-8").replace("<h1>", '<img src="http://localhost/x.png"><h1>'))
    assert complaints(browse(bad, tmp_path / "profile", "--dump-dom")) != []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_drawn_light_and_dark(folder, tmp_path, dark):
    shot = tmp_path / "page.png"
    options = ["--window-size=1200,700", f"--screenshot={shot}"] + ["--blink-settings=preferredColorScheme=0"] * dark
    browse(write_report(folder), tmp_path / "profile", *options)
    picture = cv2.imread(str(shot)).astype(int)
    assert (picture[-5:, :5].mean() < 80) == dark
    blue, red = ((0x6C, 0xB6, 0xFF), (0xFF, 0x9A, 0x57)) if dark else ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00))
    for colour in (blue, red):  # the curves, in the colours of the page
        assert (np.abs(picture - np.array(colour[::-1])).sum(2) < 40).sum() > 100


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_it_fits_a_phone(folder, tmp_path):
    page = write_report(folder).read_text("utf-8")
    tell = "<script>onload=()=>parent.postMessage(document.documentElement.scrollWidth,'*')</script></body>"
    inner = html.escape(page.replace("</body>", tell))
    frame = tmp_path / "frame.html"
    frame.write_text(
        "<!doctype html><script>onmessage=e=>document.title='width '+e.data</script>"
        f'<iframe style="border:0;width:360px;height:800px" srcdoc="{inner}"></iframe>'
    )
    done = browse(frame, tmp_path / "profile", "--virtual-time-budget=5000", "--dump-dom")
    assert re.search(r"<title>width (\d+)</title>", done.stdout)[1] == "360"
