"""The page of a comparison: what differs, how surely, and the images that flipped."""

from __future__ import annotations

import copy
import json
import re
import shutil
from pathlib import Path

import pytest
from support.html import assert_nothing_is_fetched, read

from yolo_tl.reporting.comparison_page import comparison_page

EVIL = "</td><script>alert('1')</script>&%STYLE%\"'"


@pytest.fixture(scope="module")
def report(compared) -> dict:
    found: dict = json.loads((compared / "comparison.json").read_text())
    return found


def test_it_says_what_differs_and_how_surely(report, compared):
    (comparison,) = report["comparisons"]
    page = comparison_page(report, compared)
    reader = read(page.text())
    assert page.tone == "good"
    assert comparison["sentence"] in reader.text
    for note in comparison["notes"]:
        assert note in reader.text
    change = comparison["map50_95"]
    row = f"mAP50-95 {change['a']:.3f} {change['b']:.3f} {change['observed']:+.3f}"
    assert row in reader.text
    assert f"{change['low']:+.3f} to {change['high']:+.3f}" in reader.text
    assert "above" in [attributes.get("class") for tag, attributes in reader.tags if tag == "svg"]
    for name in (*comparison["by_class"], *comparison["by_size"]):
        assert name in reader.text


def test_the_images_that_flipped_are_shown(report, compared, tmp_path):
    (comparison,) = report["comparisons"]
    pictures = [attributes for tag, attributes in read(comparison_page(report, compared).text()).tags if tag == "img"]
    assert len(pictures) == len(comparison["pictures"]) == 3
    first = comparison["flips"][0]
    assert f"good finds {first['gained']} that poor misses" in pictures[0]["alt"]
    assert Path(first["image"]).name in pictures[0]["alt"]
    moved = tmp_path / "moved"
    shutil.copytree(compared, moved)
    told = copy.deepcopy(report)
    told["comparisons"][0]["pictures"] = [f"/gone/{Path(p).parent.name}/{Path(p).name}" for p in comparison["pictures"]]
    assert comparison_page(told, moved).text().count("<img") == 3
    assert comparison_page(told, tmp_path).text().count("<img") == 0


def test_what_cannot_be_measured_is_not_zero(report, compared):
    told = copy.deepcopy(report)
    comparison = told["comparisons"][0]
    comparison["by_class"]["disc"] = None
    comparison["by_size"] = {"small": {**comparison["map50"], "low": None, "high": None, "p": None, "p_holm": None}}
    text = comparison_page(told, compared).text()
    assert re.search(r'<th scope="row">disc</th><td>–</td><td>–</td><td>–</td><td>–</td>', text)
    assert "not measurable" in text


def test_identical_models(report, compared):
    told = copy.deepcopy(report)
    told["comparisons"][0].update(verdict="not distinguishable", flips=[], pictures=[])
    page = comparison_page(told, compared)
    assert page.tone == "fair"
    assert "both come to the same on every image" in page.text()


def test_several_are_ranked(report, compared):
    told = {**report, "comparisons": report["comparisons"] * 2}
    text = read(comparison_page(told, compared).text()).text
    assert "All of them" in text
    assert text.count("Overall: good against poor") == 2


def test_a_browser_shows_it(report, compared, tmp_path, chromium):
    told = copy.deepcopy(report)
    told["comparisons"][0].update(a=EVIL)
    path = comparison_page(told, compared).write(tmp_path / "report.html")
    assert_nothing_is_fetched(path)
    tab = chromium.open(path, width=390)
    assert tab.complaints == []
    assert tab.value("document.documentElement.scrollWidth") == 390
    assert tab.value("document.scripts.length") == 0
    assert path.stat().st_size < 4 << 20
