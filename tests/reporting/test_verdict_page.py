"""The page of a verdict on transfer."""

from __future__ import annotations

from support.html import assert_nothing_is_fetched, read

from yolo_tl.reporting.verdict_page import verdict_page


def test_it_says_what_to_start_from_and_why(verdict):
    page = verdict_page(verdict)
    text = read(page.text()).text
    assert page.tone == "good"
    assert verdict["sentence"] in text
    for note in verdict["notes"]:
        assert note in text
    assert "good.pt, full 0.200 0.500 40 130 compared, ahead" in text
    assert "good.pt, frozen 0.100 – 10 90 behind full" in text
    assert "a.yaml, scratch 0.050 0.200 38 128 compared" in text
    assert "12 / 36 epochs" in text
    assert f"{verdict['share']:.0%} of training all in full" in text
    change = verdict["comparison"]["map50_95"]
    assert f"{change['low']:+.3f} to {change['high']:+.3f}" in text


def test_starts_level_by_level(verdict):
    text = read(verdict_page(verdict).text()).text
    assert "Before training: good.pt" in text
    assert "0.250; of networks with random weights 0.020 to 0.030" in text
    assert "tell objects from background better than theirs" in text
    assert "P3 0.400 – 0.600" in text
    assert "Not trained: its features are no better than random." in text
    assert "no better than theirs" in text


def test_negative_transfer_is_red_and_a_doubtful_win_is_not_green(verdict):
    bad = {**verdict, "outcome": "negative transfer", "flagged": True}
    assert verdict_page(bad).tone == "bad"
    assert verdict_page({**verdict, "outcome": "no difference", "flagged": True}).tone == "fair"
    assert verdict_page({**verdict, "flagged": True}).tone == "fair"


def test_a_browser_shows_it(verdict, tmp_path, chromium):
    path = verdict_page(verdict).write(tmp_path / "report.html")
    assert_nothing_is_fetched(path)
    tab = chromium.open(path, width=390)
    assert tab.complaints == []
    assert tab.value("document.documentElement.scrollWidth") == 390
