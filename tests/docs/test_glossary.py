"""The glossary: the words that have to be in it, and where each is in this project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yolo_tl.cli.main import COMMANDS
from yolo_tl.config import TrainConfig, flatten_schema
from yolo_tl.presets import presets

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "glossary.md").read_text("utf-8")
TERMS = dict(re.findall(r"^### (.+?)\n\n(.*?)(?=\n##|\Z)", TEXT, re.DOTALL | re.MULTILINE))


WORDS = """
    Transfer learning, Fine-tuning, Feature extraction, Domain adaptation, Multi-task learning, Zero-shot,
    Negative transfer, Freeze, Staged unfreezing, Layer-wise decay, L2-SP, EMA, SWA, WiSE-FT, Warm-up, Mosaic, AdaBN,
    MMD, IoU, NMS, NMS-free head, Operating threshold, Escape, Overkill, Bootstrap interval, Bundle, Gate,
    Golden images, Flip, Calibration, Quantisation, Letterbox
"""


@pytest.mark.parametrize("term", [" ".join(word.split()) for word in WORDS.split(",")])
def test_the_words_of_the_field_are_explained(term: str) -> None:
    assert term in TERMS


@pytest.mark.parametrize("term, said", TERMS.items(), ids=TERMS)
def test_each_is_explained_shortly_and_placed(term: str, said: str) -> None:
    sentences = len(re.findall(r"[.:](?=\s|$)", said))
    assert 1 <= sentences <= 8
    placed = ["**Here:**" in said, "**Not in this version" in said, term == "Edge"]
    assert sum(placed) == 1, said


def test_commands_presets_and_files_named_exist() -> None:
    assert set(re.findall(r"`yolo-tl ([a-z-]+)`", TEXT)) <= set(COMMANDS)
    for names in re.findall(r"presets? `([a-z0-9-]+)`", TEXT):
        assert names in {*presets("train"), *presets("export")}
    for path in re.findall(r"`((?:yolo_tl|configs)/[\w/.]+)`", TEXT):
        assert (ROOT / path).exists(), path
    keys = set(re.findall(r"`([a-z0-9_]+(?:\.[a-z_]+)?)`: |`(augment\.\w+)`", TEXT))
    assert {one or other for one, other in keys} <= {*flatten_schema(TrainConfig), "bn"}
