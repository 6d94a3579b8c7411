"""The page of a verification: every level, the stage that differs, and the images that flipped."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.html import assert_nothing_is_fetched, read
from support.networks import exported, tiny
from support.scripted import grey_images, raw, scripted

from yolo_tl.api.verifying import Verification, verify
from yolo_tl.config import GateLimits
from yolo_tl.edge.decode import Thresholds
from yolo_tl.engine.saving import save_checkpoint
from yolo_tl.exporting.gate import Sample, Samples, judge_all
from yolo_tl.reporting.gate_page import LEVELS, gate_page

EVIL = "</td><script>alert('1')</script>&%STYLE%\"'"
BOXES = ((16, 16, 8, 8), (40, 40, 10, 10))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One that agrees, and one that loses an object on one of six images."""
    folder = tmp_path_factory.mktemp("images")
    boxes = np.array([[12, 12, 20, 20]]) / 64
    images = tuple(Sample(path, ("a",), boxes) for path in grey_images(folder, 6))
    samples = Samples(folder, folder, "val", images)
    whole, less = raw(BOXES, ((0.9, 0.1), (0.2, 0.6))), raw(BOXES, ((0.9, 0.1), (0.2, 0.24)))
    called = ("net.pt", "good.onnx", "poor.onnx")
    gates = judge_all(
        scripted([whole]),
        [scripted([whole]), scripted([less] + [whole] * 5)],
        samples,
        limits=GateLimits(),
        thresholds=Thresholds(),
        called=called,
    )
    found: dict[str, Any] = Verification(called, called, samples, gates, ((), ()), None, 1.5).to_json()
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def test_it_says_what_is_broken_and_where(report, tmp_path):
    page = gate_page(report, tmp_path)
    reader = read(page.text())
    assert page.tone == "bad"
    assert "poor.onnx breaks 3 limits; 1 of 6 images flip; what differs: engine" in reader.text
    for text in (
        "share of images that flip 0.167 0 broken",
        "engine differs 1 of 6 1",
        "0.png b 1 b 0",
        "1 of 6: 95 % interval of the share 0.030 to 0.564",
        "confidence 0.25",
    ):
        assert text in reader.text, text
    assert sum(attributes.get("class") == "plot" for tag, attributes in reader.tags if tag == "svg") == 1


def test_what_agrees_is_good(report, tmp_path):
    told = copy.deepcopy(report)
    told["gates"] = told["gates"][:1]
    page = gate_page(told, tmp_path)
    assert page.tone == "good"
    assert page.verdict == "Every limit is kept"
    text = read(page.text()).text
    assert "broken" not in text
    assert "The stage that differs" not in text


def test_every_level_has_its_row(report):
    names = [row["limit"] for row in report["gates"][1]["judged"]]
    assert set(names) | {"mask"} == set(LEVELS)


def test_nothing_is_fetched_and_names_are_text(report, tmp_path):
    content = json.dumps(report)
    for name in ("poor.onnx", "0.png"):
        content = content.replace(name, json.dumps(EVIL)[1:-1])
    told = json.loads(content)
    told["gates"][1]["stages"][0]["note"] = EVIL
    told["gates"][1]["notes"] = [EVIL]
    text = gate_page(told, tmp_path).text()
    assert_nothing_is_fetched(text)
    assert "<script>alert" not in text


def test_pictures_travel_inside_the_page_also_when_the_folder_moves(tmp_path):
    weights = tmp_path / "net.pt"
    save_checkpoint(tiny(seed=1), weights, train_args={"imgsz": 64}, half=False)
    images = grey_images(tmp_path / "images", 3)
    found = verify([exported("detect", "onnx"), weights], images[0].parent, out=tmp_path / "out", pictures=2, threads=1)
    assert not found.passed
    assert found.page == tmp_path / "out" / "report.html"
    flipped = len(found.gates[0].flips)
    assert flipped >= 1
    text = found.page.read_text("utf-8")
    assert text.count("<img") == min(flipped, 2)
    shutil.move(tmp_path / "out", tmp_path / "moved")
    told = json.loads((tmp_path / "moved" / "verify.json").read_text("utf-8"))
    assert gate_page(told, tmp_path / "moved").text().count("<img") == min(flipped, 2)
    assert gate_page(told, Path("/nowhere")).text().count("<img") == 0
