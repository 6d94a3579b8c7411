"""The slider: its numbers are those of the evaluation, in a real browser, by mouse and keys, and without JavaScript."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.html import read

from yolo_tl.boxes import Detections
from yolo_tl.evaluation import ImageResult, Predictions
from yolo_tl.evaluation.operating import operating_point, outcome_counts
from yolo_tl.reporting import thresholds as module
from yolo_tl.reporting.page import Page
from yolo_tl.reporting.thresholds import SCRIPT, thresholds

KEYS = ("precision", "recall", "f1", "misses", "alarms", "missed", "alarmed")


def page(predictions: Predictions, planned: list[float], path: Path) -> Path:
    content = thresholds(predictions.results, predictions.names, planned, why="Why.")
    return Page("title", "name", "about", "plain", "verdict", (), [content], [SCRIPT]).write(path)


def expected(predictions: Predictions, limits: list[float]) -> dict[str, list[float | None]]:
    """Class, or ``all`` → the numbers by `evaluation.operating`."""
    point = operating_point(predictions.results, predictions.names, limits)
    counts = outcome_counts(predictions.results, predictions.names, limits)
    found = {}
    for rates, own in zip([*point.per_class, point.overall], [*counts.transpose(1, 0, 2), counts.sum(1)], strict=True):
        images = [int((own[:, column] > 0).sum()) for column in (2, 1)]
        found[rates.name] = [rates.precision, rates.recall, rates.f1, rates.missed, rates.false_alarms, *images]
    return found


SHOWN = """(() => {
  const of = (place) => KEYS.map((key) => place.querySelector(`[data-number="${key}"]`).textContent);
  const rows = [...document.querySelectorAll("#by-class tbody tr")];
  return { tiles: of(document.getElementById("numbers")),
           rows: Object.fromEntries(rows.map((row) => [row.querySelector("th").textContent, of(row)])),
           value: document.getElementById("value").textContent };
})()""".replace("KEYS", str(list(KEYS)))

MOVE = """(() => { const s = document.getElementById("threshold"); s.value = VALUE;
  s.dispatchEvent(new Event("input", { bubbles: true })); })()"""
CHOOSE = """(() => { const s = document.getElementById("scope"); s.value = "VALUE";
  s.dispatchEvent(new Event("input", { bubbles: true })); })()"""


def assert_same(texts: list[str], numbers: list[float | None]) -> None:
    for key, text, number in zip(KEYS, texts, numbers, strict=True):
        if number is None:
            assert text == "–", key
        elif isinstance(number, int):
            assert int(text.replace(",", "")) == number, key
        else:
            assert float(text) == pytest.approx(number, abs=0.00051), key


def assert_shows(shown: dict, wanted: dict[str, list[float | None]], *, tiles: str = "all") -> None:
    assert shown["rows"].keys() == wanted.keys()
    for name, texts in shown["rows"].items():
        assert_same(texts, wanted[name])
    assert_same(shown["tiles"], wanted[tiles])


def test_without_javascript_it_shows_the_planned_thresholds(predictions, tmp_path, chromium):
    planned = [0.3, 0.5, 0.2]
    tab = chromium.open(page(predictions, planned, tmp_path / "page.html"), script=False)
    assert tab.value("document.getElementById('control').hidden")
    text = read(tmp_path / "page.html").text
    wanted = expected(predictions, planned)
    for name, numbers in wanted.items():
        limit = "" if name == "all" else f"{planned[predictions.names.index(name)]:.3f} "
        assert f"{name} {limit}" + " ".join(f"{n:.3f}" if isinstance(n, float) else f"{n:,}" for n in numbers) in text


def test_the_slider_moves_the_numbers_to_those_of_the_evaluation(predictions, tmp_path, chromium):
    planned = [0.3, 0.5, 0.2]
    tab = chromium.open(page(predictions, planned, tmp_path / "page.html"))
    assert_shows(tab.value(SHOWN), expected(predictions, planned))
    assert tab.value(SHOWN)["value"] == "one a class"
    seen = set()
    for value in (0.01, 0.1, 0.25, 0.4, 0.666, 0.9, 1.0):
        tab.value(MOVE.replace("VALUE", str(value)))
        shown = tab.value(SHOWN)
        assert shown["value"] == f"{value:.3f}"
        assert_shows(shown, expected(predictions, [value] * 3))
        seen.add(tuple(shown["tiles"]))
    assert len(seen) == 7
    assert shown["tiles"][:2] == ["–", "0.000"]  # nothing is above 1
    tab.value("document.getElementById('planned').click()")
    assert_shows(tab.value(SHOWN), expected(predictions, planned))
    assert tab.complaints == []


def test_one_class_can_be_moved_alone(predictions, tmp_path, chromium):
    tab = chromium.open(page(predictions, [0.4] * 3, tmp_path / "page.html"))
    tab.value(CHOOSE.replace("VALUE", "1"))
    assert_shows(tab.value(SHOWN), expected(predictions, [0.4] * 3), tiles=predictions.names[1])
    tab.value(MOVE.replace("VALUE", "0.7"))
    wanted = expected(predictions, [0.4, 0.7, 0.4])
    assert_shows(tab.value(SHOWN), wanted, tiles=predictions.names[1])
    assert tab.value("document.querySelector('.curves .on').dataset.scope") == "1"
    tab.value(CHOOSE.replace("VALUE", "all"))
    assert_shows(tab.value(SHOWN), wanted)


def test_it_obeys_the_keyboard(predictions, tmp_path, chromium):
    tab = chromium.open(page(predictions, [0.4] * 3, tmp_path / "page.html"))
    assert tab.value("document.querySelector('label[for=threshold]').textContent") == "Threshold"
    tab.value("document.getElementById('threshold').focus()")
    tab.press("ArrowRight", 39)
    assert tab.value(SHOWN)["value"] == "0.401"
    assert_shows(tab.value(SHOWN), expected(predictions, [0.401] * 3))
    tab.press("End", 35)
    assert tab.value(SHOWN)["value"] == "1.000"


def test_a_confidence_at_the_threshold_is_not_above_it(tmp_path, chromium):
    box, kind = np.float32([[0, 0, 9, 9]]), np.int64([0])
    levels = np.float32([0.1, 0.2, 0.3, 0.7, 0.9])
    results = tuple(
        ImageResult(f"{i}.png", Detections(box, levels[i : i + 1], kind), box, kind) for i in range(len(levels))
    )
    made = Predictions(results, ("a", "never seen"), "val", "", "")
    tab = chromium.open(page(made, [0.3, 0.3], tmp_path / "page.html"))
    for value in (0.1, 0.2, 0.3, 0.7, 0.9):
        tab.value(MOVE.replace("VALUE", str(value)))
        assert_shows(tab.value(SHOWN), expected(made, [value] * 2))
    assert tab.value(SHOWN)["rows"]["never seen"][:3] == ["–"] * 3


def test_with_very_many_detections_the_page_stays_small_and_right(predictions, tmp_path, chromium, monkeypatch):
    whole = page(predictions, [0.4] * 3, tmp_path / "whole.html").stat().st_size
    monkeypatch.setattr(module, "_MOST", 60)
    planned = [0.02, 0.4, 0.4]
    small = page(predictions, planned, tmp_path / "page.html")
    assert small.stat().st_size < whole
    tab = chromium.open(small)
    assert_shows(tab.value(SHOWN), expected(predictions, planned))  # also below the slider's lowest
    lowest = float(tab.value("document.getElementById('threshold').min"))
    assert lowest > 0.1
    tab.value(MOVE.replace("VALUE", "0"))
    assert_shows(tab.value(SHOWN), expected(predictions, [lowest] * 3))


def test_a_split_without_objects_or_detections(tmp_path, chromium):
    empty = ImageResult("a.png", Detections.empty(), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    tab = chromium.open(page(Predictions((empty,), ("a",), "val", "", ""), [0.5], tmp_path / "page.html"))
    assert tab.value(SHOWN)["tiles"] == ["–", "–", "–", "0", "0", "0", "0"]
    tab.value(MOVE.replace("VALUE", "0.9"))
    assert tab.complaints == []


def test_a_large_split_fits_a_page(tmp_path, chromium):
    rng = np.random.default_rng(0)
    names = tuple(f"class {i}" for i in range(80))
    results = []
    for i in range(700):
        corner = rng.uniform(0, 600, (300, 2))
        boxes = np.hstack([corner, corner + 30]).astype(np.float32)
        kinds = rng.integers(0, 80, 300)
        said = Detections(boxes + 1, rng.beta(1, 6, 300).astype(np.float32), kinds)
        results.append(ImageResult(f"{i}.png", said, boxes[:20], kinds[:20]))
    made = Predictions(tuple(results), names, "val", "", "")
    path = page(made, [0.3] * 80, tmp_path / "page.html")
    assert path.stat().st_size < 5 << 20
    tab = chromium.open(path, width=390)
    tab.value(MOVE.replace("VALUE", "0.42"))
    assert_shows(tab.value(SHOWN), expected(made, [0.42] * 80))
    assert tab.value("document.documentElement.scrollWidth") == 390
    assert tab.complaints == []
