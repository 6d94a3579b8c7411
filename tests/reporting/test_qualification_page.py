"""The page of a qualification, and the contract on the page of a run."""

from __future__ import annotations

import json

import pytest
from support.html import assert_nothing_is_fetched, read

from yolo_tl.evaluation.inspection.requirement import Requirement
from yolo_tl.files import sha256
from yolo_tl.reporting.qualification_page import qualification_page
from yolo_tl.reporting.run_page import write_report


def test_it_says_whether_the_contract_is_met_and_how_that_is_known(qualification):
    page = qualification_page(qualification)
    text = read(page.text()).text
    assert page.tone == {"met": "good", "not met": "bad", "not provable": "fair"}[qualification["verdict"]]
    assert f"The contract is {qualification['verdict']} on train" in text
    for row in qualification["judged"]["requirements"]:
        assert Requirement(**row).describe() in text
    for name, value in qualification["thresholds"].items():
        assert f"{name} {value:.3f}" in text
    judged = qualification["judged"]
    assert judged["escapes"]
    assert f"Escaped: {len(judged['escapes'])}" in text
    assert f"Rejected without reason: {len(judged['overkills'])}" in text


@pytest.mark.parametrize(("verdict", "tone"), [("met", "good"), ("not met", "bad"), ("not provable", "fair")])
def test_the_verdict_is_seen(qualification, verdict, tone):
    page = qualification_page({**qualification, "verdict": verdict})
    assert page.tone == tone
    assert ("p", {"class": f"badge {tone}"}) in read(page.text()).tags


def test_without_units_nothing_is_measurable(qualification):
    row = {**qualification["judged"]["requirements"][0], "units": 0, "failures": 0, "rate": None, "interval": [0, 1]}
    told = {**qualification, "judged": {**qualification["judged"], "requirements": [row]}}
    assert "not measurable" in read(qualification_page(told).text()).text


def test_a_browser_shows_it(qualification, tmp_path, chromium):
    path = qualification_page(qualification).write(tmp_path / "report.html")
    assert_nothing_is_fetched(path)
    tab = chromium.open(path, width=390)
    assert tab.complaints == []
    assert tab.value("document.documentElement.scrollWidth") == 390


def test_a_run_shows_the_contract_of_its_checkpoint_only(folder, qualification):
    path = folder / "qualification.json"
    assert "Inspection contract" not in read(write_report(folder)).text
    path.write_text(json.dumps(qualification))
    text = read(write_report(folder)).text
    assert "Inspection contract" in text
    assert "those of the inspection contract" in text
    for name, value in qualification["thresholds"].items():
        assert f"{name} {value:.3f}" in text
    best = folder / "weights" / "best.pt"
    best.parent.mkdir()
    best.write_bytes(b"another checkpoint")
    assert "Inspection contract" not in read(write_report(folder)).text
    path.write_text(json.dumps({**qualification, "model": {**qualification["model"], "sha256": sha256(best)}}))
    assert "Inspection contract" in read(write_report(folder)).text
