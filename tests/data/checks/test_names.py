"""One odd class name for each check of them."""

from __future__ import annotations

import unicodedata

import pytest

FAULTS = {
    "names.case_twins": (["disc", "Disc", "triangle"], set()),
    "names.whitespace": (["disc ", "square", "triangle"], set()),
    "names.near_twins": (["square", "squares", "triangle"], set()),
    "names.numeric": (["0", "square", "triangle"], set()),
    "names.non_nfc": ([unicodedata.normalize("NFD", "Äpfel"), "square", "triangle"], set()),
    "names.not_text": ([False, "square", "triangle"], set()),
}


@pytest.mark.parametrize("id", FAULTS)
def test_one_name_is_odd(planted, id):
    names, others = FAULTS[id]
    planted.config(names=names)
    assert set(planted.findings()) == {id} | others


@pytest.mark.parametrize(
    "names", [["lane 1", "lane 2", "lane 3"], ["cat", "bat", "rat"], ["left arm", "right arm", "leg"]]
)
def test_names_that_are_meant_to_be_alike(planted, names):
    planted.config(names=names)
    assert planted.findings() == {}
